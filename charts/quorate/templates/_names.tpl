{{- define "quorate.name" -}}
quorate-operator
{{- end }}

{{- /* Cluster-scoped, so that releases in several namespaces do not meet. */}}
{{- define "quorate.guard" -}}
quorate-seated-namespaces-{{ .Release.Namespace }}
{{- end }}

{{- define "quorate.foreground-guard" -}}
quorate-seated-foreground-{{ .Release.Namespace }}
{{- end }}

{{- define "quorate.labels" -}}
app.kubernetes.io/name: quorate
app.kubernetes.io/component: operator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "quorate.selector" -}}
app.kubernetes.io/name: quorate
app.kubernetes.io/component: operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* A digest says exactly what runs, so it wins; a tag beside it is for the reader. */}}
{{- define "quorate.image" -}}
{{- $image := index . 1 -}}
{{ (index . 0).Values.imageRegistry }}/{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default (index . 0).Chart.AppVersion }}{{ end }}
{{- end }}

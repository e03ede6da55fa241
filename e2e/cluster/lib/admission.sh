# What the API server admits and what it writes down. Sourced, not run.
# shellcheck shell=bash

# configure_admission: pods of every namespace are held to PSS `restricted`, labelled or not; requests of service accounts
# are logged, so that rights used can be compared with rights granted.
configure_admission() {
    write_if_changed "$STATE/cp/etc/admission.yaml" <<EOF
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
  - name: PodSecurity
    configuration:
      apiVersion: pod-security.admission.config.k8s.io/v1
      kind: PodSecurityConfiguration
      defaults: {enforce: restricted, enforce-version: latest}
EOF
    write_if_changed "$STATE/cp/etc/audit.yaml" <<EOF
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  # Kubernetes' own controllers: most of the requests, none of them ours.
  - {level: None, userGroups: ["system:serviceaccounts:kube-system"]}
  - {level: Metadata, userGroups: ["system:serviceaccounts"]}
  - {level: None}
EOF
}

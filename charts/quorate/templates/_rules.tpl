{{- /*
What the operator may do in the namespaces that it watches. `make operator-test` compares it with the audit log of the tests: a rule
that nothing uses fails as does a call that nothing grants. A feature that can be left out keeps its rules apart, under a guard.
*/}}
{{- define "quorate.rules" -}}
# What users ask for. The spec is only read; patch adds and removes the finalizer of each.
- apiGroups: [quorate.dev]
  resources: [consortia, validators]
  verbs: [get, list, watch, patch]
# What is, for users.
- apiGroups: [quorate.dev]
  resources: [consortia/status, validators/status]
  verbs: [patch]
# Owner references of children block the deletion of their owner.
- apiGroups: [quorate.dev]
  resources: [consortia/finalizers, validators/finalizers]
  verbs: [update]
# Keys: made once, read to sign seat transactions and to check that they are whole; patch writes labels and the id of
# the vote journal. Never deleted.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch]
# Disks: made once, never deleted; patch grows one when spec.storage.size is raised.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, create, patch]
# Genesis (made once), node configurations, network info. Configurations go when their node is scaled away.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, patch, delete]
# DNS names of the nodes, JSON-RPC, and p2p for other clusters; the latter two go when spec.rpc.type becomes None and spec.peering.type ClusterIP.
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch, delete]
# The pods' identity, without a token; that of the web server below goes with it.
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [get, list, watch, create, patch, delete]
# The web server that publishes a member's network info; it goes when spec.publish does.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
# One set per node; it goes when its node is scaled away.
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch, delete]
# At most one node of a fleet is drained at a time.
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch]
# Where identities can move (spec.standbys, spec.fence): the Lease of each is made once, then never written, changed or deleted; get looks
# whether there is one, as long as it has no record. patch is not used: it can be given on to the nodes by who has it only.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, create, patch]
# The nodes' right to write the Leases of their own fleet, by name.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, list, watch, create, patch]
# Addresses and readiness of the nodes; delete replaces an outdated one that is broken.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, delete]
# Restarts an outdated one that works, as the disruption budget allows.
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
# Tells what changed; list says why a pod's volume is not mounted, which stands nowhere else.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, list]
{{- if .Values.networkPolicies.enabled }}
# Who may connect to the nodes, and to the web server, with which its policy goes.
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
{{- end }}
{{- if .Values.nodePools.aso.enabled }}
# Node pools of fleets with nodePool.manage ASO: made and sized, read to see how they stand. Never deleted.
- apiGroups: [containerservice.azure.com]
  resources: [managedclustersagentpools]
  verbs: [get, create, patch]
{{- end }}
{{- end }}

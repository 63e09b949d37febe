{{- /* What the agent may do with what stands in namespaces: rules of a ClusterRole, or of a Role in each of `namespaces`. */}}
{{- define "rekey.rules" -}}
{{- $companion := eq (default "standalone" .Values.mode) "companion" }}
{{- $ignored := splitList "," (include "rekey.ignoredWorkloadTypes" .) }}
{{- if $companion -}}
# Credentials of stores are read, and Secrets that workloads use are hashed. External Secrets Operator writes the targets.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch]
- apiGroups: [external-secrets.io]
  resources: [externalsecrets, secretstores]
  verbs: [get, list, watch]
# An annotation tells External Secrets Operator to refresh at once.
- apiGroups: [external-secrets.io]
  resources: [externalsecrets]
  verbs: [patch]
{{- else -}}
# Targets are written, credentials of stores are read, and Secrets that workloads use are hashed. Targets are deleted where an
# ExternalSecret says deletionPolicy Delete and its source is gone; they can have any name, so this cannot be narrowed by names.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, update, delete]
- apiGroups: [external-secrets.io]
  resources: [externalsecrets, secretstores]
  verbs: [get, list, watch]
- apiGroups: [external-secrets.io]
  resources: [externalsecrets/status, secretstores/status]
  verbs: [patch]
# Finalizers that External Secrets Operator left are removed when their objects are deleted.
- apiGroups: [external-secrets.io]
  resources: [externalsecrets]
  verbs: [patch]
# Not for finalizers: with the admission plugin OwnerReferencesPermissionEnforcement, only this lets an ExternalSecret own its
# target with blockOwnerDeletion.
- apiGroups: [external-secrets.io]
  resources: [externalsecrets/finalizers]
  verbs: [update]
{{- end }}
# Templates of ExternalSecrets stand in ConfigMaps (templateFrom), and ConfigMaps that workloads use are hashed.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch]
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [get, list, watch, patch]
{{- if .Values.reloader.isArgoRollouts }}
- apiGroups: [argoproj.io]
  resources: [rollouts]
  verbs: [get, list, watch, patch]
{{- end }}
{{- if not (has "cronjobs" $ignored) }}
# A CronJob is run out of turn as a Job, at a change or as a hook.
- apiGroups: [batch]
  resources: [cronjobs]
  verbs: [get, list, watch, patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, create]
{{- end }}
{{- if not (has "jobs" $ignored) }}
# A Job's pods cannot be replaced: it is deleted and created again.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
{{- end }}
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [create, patch]
# Annotations of ServiceAccounts name the roles of stores.
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [get, list, watch]
{{- if .Values.stores.allServiceAccounts }}
# Tokens of any ServiceAccount, for stores with auth.jwt.
- apiGroups: [""]
  resources: [serviceaccounts/token]
  verbs: [create]
{{- end }}
{{- end }}

{{- /* What it may do with what stands in no namespace. With `namespaces` it only reads: who may use a ClusterSecretStore is
     decided by the labels of exactly those. */}}
{{- define "rekey.clusterRules" -}}
{{- $companion := eq (default "standalone" .Values.mode) "companion" }}
{{- if .Values.clusterStores -}}
- apiGroups: [external-secrets.io]
  resources: [clustersecretstores]
  verbs: [get, list, watch]
{{- if not (or $companion .Values.namespaces) }}
- apiGroups: [external-secrets.io]
  resources: [clustersecretstores/status]
  verbs: [patch]
{{- end }}
{{- end }}
# Labels of namespaces decide who may use a ClusterSecretStore, and where workloads are restarted.
- apiGroups: [""]
  resources: [namespaces]
  {{- with .Values.namespaces }}
  resourceNames: {{ toJson . }}
  {{- end }}
  verbs: [get, list, watch]
{{- if not .Values.namespaces }}
{{- if $companion }}
# ExternalSecrets that a ClusterExternalSecret owns are refreshed by an annotation of that.
- apiGroups: [external-secrets.io]
  resources: [clusterexternalsecrets]
  verbs: [patch]
{{- else if .Values.clusterExternalSecrets }}
# A ClusterExternalSecret is one ExternalSecret in each namespace that it chooses. External Secrets Operator left finalizers on
# it and on those namespaces, which nobody else would remove.
- apiGroups: [external-secrets.io]
  resources: [clusterexternalsecrets]
  verbs: [get, list, watch, patch]
- apiGroups: [external-secrets.io]
  resources: [clusterexternalsecrets/status]
  verbs: [patch]
- apiGroups: [external-secrets.io]
  resources: [clusterexternalsecrets/finalizers]
  verbs: [update]
- apiGroups: [external-secrets.io]
  resources: [externalsecrets]
  verbs: [create, update, delete]
- apiGroups: [""]
  resources: [namespaces]
  verbs: [patch]
{{- end }}
{{- end }}
{{- end }}

{{- /* What it may do in its own namespace, beside the rest. */}}
{{- define "rekey.ownRules" -}}
{{- $companion := eq (default "standalone" .Values.mode) "companion" }}
{{- $jobs := not (has "jobs" (splitList "," (include "rekey.ignoredWorkloadTypes" .))) -}}
# From its own pod the agent finds its Deployment, whose Events tell when a pipe turns proven or unproven.
- apiGroups: [""]
  resources: [pods]
  verbs: [get]
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [get]
{{- if .Values.namespaces }}
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [create, patch]
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [rekey-hash-key]
  verbs: [get]
{{- end }}
{{- if or $companion .Values.namespaces }}
# The key of the hashes, which the agent makes for itself. A creation has no name yet when it is authorized.
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
{{- if $jobs }}
# The manifests of Jobs while they are made anew, under names of their own.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, delete]
{{- end }}
{{- end }}
{{- if gt (int .Values.replicas) 1 }}
# The Lease by which the pods elect the one that works. A creation has no name yet when it is authorized.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "rekey.fullname" . }}]
  verbs: [get, list, watch, update]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
{{- end }}
{{- end }}

{{- /* Tokens of exactly the ServiceAccounts that stores with auth.jwt may use: the names by their namespace. */}}
{{- define "rekey.tokens" -}}
{{- $namespaces := dict }}
{{- range .Values.stores.serviceAccounts }}
{{- $_ := set $namespaces .namespace (append (default list (get $namespaces .namespace)) .name) }}
{{- end }}
{{- toJson $namespaces }}
{{- end }}

{{- /* A role and its binding to the agent's ServiceAccount. Needs root, name, rules, and namespace for a Role. */}}
{{- define "rekey.role" -}}
{{- $kind := ternary "Role" "ClusterRole" (hasKey . "namespace") -}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{- include "rekey.labels" .root | nindent 4 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}Binding
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{- include "rekey.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $kind }}
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "rekey.serviceAccountName" .root }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}

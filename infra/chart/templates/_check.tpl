{{- /* Every template begins with this. It gives values that have another name, or a default that depends on others, their
     place in .Values, and refuses what contradicts itself, with what to do about it. The schema comes before it and refuses
     wrong types and unknown names; what needs a better sentence than a schema has is checked here. Twice is as once. */}}
{{- define "rekey.check" -}}
{{- range $other, $value := dict "replicaCount" "replicas" "processClusterStore" "clusterStores" "processClusterExternalSecret" "clusterExternalSecrets" }}
{{- if not (kindIs "invalid" (get $.Values $other)) }}{{ $_ := set $.Values $value (get $.Values $other) }}{{ end }}
{{- end }}
{{- if not (kindIs "invalid" .Values.installCRDs) }}{{ $_ := set .Values.crds "install" .Values.installCRDs }}{{ end }}
{{- include "rekey.checkQueueUrl" .Values.queueUrl }}
{{- include "rekey.checkIdentity" . }}
{{- include "rekey.checkNamespaces" . }}
{{- include "rekey.checkMonitoring" . }}
{{- with .Values.podDisruptionBudget }}
{{- if and .enabled (lt (int $.Values.replicas) 2) }}
{{- fail "podDisruptionBudget.enabled=true with replicas=1 would hold up every drain of nodes: set replicas to 2 or more, or leave it out" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "rekey.checkQueueUrl" -}}
{{- $remedy := "give the queue's URL, output QueueUrl of the SAM stack" }}
{{- if has . (list nil "") }}
{{- fail "queueUrl is needed: the URL (not the name or ARN) of the SQS queue, output QueueUrl of the SAM stack" }}
{{- else if not (kindIs "string" .) }}
{{- fail (printf "queueUrl is no text (%v): %s" . $remedy) }}
{{- else if regexMatch "^arn:" . }}
{{- fail (printf "queueUrl is an ARN (%s): %s" . $remedy) }}
{{- else if not (regexMatch "^https?://" .) }}
{{- fail (printf "queueUrl is no URL but perhaps a queue's name (%s): %s" . $remedy) }}
{{- else if not (regexMatch "^https?://[^/]+/[^/]+/[^/]+$" .) }}
{{- fail (printf "queueUrl does not end in an account and a queue's name (%s): %s" . $remedy) }}
{{- end }}
{{- end }}

{{- define "rekey.checkIdentity" -}}
{{- $kinds := list "default" "irsa" "podIdentity" "static" }}
{{- $annotation := get (default dict .Values.serviceAccount.annotations) "eks.amazonaws.com/role-arn" }}
{{- with .Values.identity }}
{{- if not (has .kind $kinds) }}
{{- fail (printf "identity.kind is %v: write irsa, podIdentity, static or default" .kind) }}
{{- end }}
{{- if and .roleArn (not (regexMatch "^arn:aws[a-z-]*:iam::[0-9]{12}:role/[^ ]+$" (toString .roleArn))) }}
{{- fail (printf "identity.roleArn is no ARN of a role (%v): write it whole, as arn:aws:iam::111122223333:role/rekey" .roleArn) }}
{{- end }}
{{- if eq .kind "irsa" }}
{{- if not .roleArn }}
{{- fail "identity.roleArn is needed when identity.kind is irsa: the ARN of the role, as arn:aws:iam::111122223333:role/rekey" }}
{{- else if not $.Values.serviceAccount.create }}
{{- fail "identity.kind=irsa annotates the chart's ServiceAccount, and serviceAccount.create is false: annotate yours with eks.amazonaws.com/role-arn, and leave identity.kind at default" }}
{{- else if and $annotation (ne $annotation .roleArn) }}
{{- fail (printf "identity.roleArn (%s) and the annotation eks.amazonaws.com/role-arn in serviceAccount.annotations (%s) differ: leave the annotation out" .roleArn $annotation) }}
{{- end }}
{{- else if eq .kind "podIdentity" }}
{{- if $annotation }}
{{- fail "identity.kind is podIdentity, and serviceAccount.annotations has eks.amazonaws.com/role-arn, which would count more: leave the annotation out" }}
{{- end }}
{{- else if .roleArn }}
{{- fail (printf "identity.roleArn is not used with identity.kind=%s: set identity.kind to irsa or podIdentity, or leave it out" .kind) }}
{{- end }}
{{- if and (eq .kind "static") (not .secretName) }}
{{- fail "identity.secretName is needed when identity.kind is static: a Secret of the release's namespace with the entries access-key-id and secret-access-key" }}
{{- end }}
{{- if and .secretName (ne .kind "static") }}
{{- fail (printf "identity.secretName is not used with identity.kind=%s: set identity.kind to static, or leave it out" .kind) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "rekey.checkMonitoring" -}}
{{- if and .Values.serviceMonitor.enabled (not .Values.service.enabled) }}
{{- fail "serviceMonitor.enabled=true scrapes the Service, and service.enabled is false: set service.enabled=true" }}
{{- end }}
{{- $alerts := include "rekey.alerts" . | fromYamlArray }}
{{- $names := list }}
{{- range $alerts }}{{ $names = append $names .alert }}{{ end }}
{{- range .Values.prometheusRule.disabled }}
{{- if not (has . $names) }}
{{- fail (printf "prometheusRule.disabled names %s, which is no alert of this chart: they are %s" . (join ", " $names)) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Leaves .Values.namespaces a sorted list, and clusterStores and clusterExternalSecrets true or false. */}}
{{- define "rekey.checkNamespaces" -}}
{{- $values := .Values }}
{{- $namespaces := $values.namespaces }}
{{- if kindIs "string" $namespaces }}{{ $namespaces = splitList "," $namespaces }}{{ end }}
{{- $names := list }}
{{- range $namespaces }}
{{- $name := trim (toString .) }}
{{- if $name }}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$" $name) }}
{{- fail (printf "namespaces: %q is no name of a namespace; give a list of names, for instance [shop, pay]" $name) }}
{{- end }}
{{- $names = append $names $name }}
{{- end }}
{{- end }}
{{- with $values.scopedNamespace }}
{{- if and $names (ne (join "," $names) .) }}
{{- fail (printf "scopedNamespace (%s) and namespaces (%s) ask for different things: give namespaces alone" . (join "," $names)) }}
{{- end }}
{{- $names = list . }}
{{- end }}
{{- if and $values.scopedRBAC (not $names) }}
{{- fail "scopedRBAC needs scopedNamespace: set namespaces instead, for instance [shop, pay], and clusterStores=false" }}
{{- end }}
{{- $_ := set $values "namespaces" (sortAlpha (uniq $names)) }}
{{- range $value, $fallback := dict "clusterStores" (not $values.scopedRBAC) "clusterExternalSecrets" (not $names) }}
{{- if kindIs "invalid" (get $values $value) }}{{ $_ := set $values $value $fallback }}{{ end }}
{{- end }}
{{- if $names }}
{{- if $values.clusterExternalSecrets }}
{{- fail "clusterExternalSecrets=true needs the whole cluster, for ClusterExternalSecrets make objects in any namespace: leave namespaces empty, or clusterExternalSecrets out" }}
{{- end }}
{{- if and $values.reloader.namespaceSelector (not $values.clusterStores) }}
{{- fail "reloader.namespaceSelector needs the labels of namespaces, which the agent reads only together with ClusterSecretStores: set clusterStores=true, or name namespaces in reloader.namespaces instead" }}
{{- end }}
{{- range (include "rekey.reloaderNamespaces" .) | splitList "," }}
{{- if and . (not (has . $names)) }}
{{- fail (printf "reloader asks to restart workloads of %s, where the agent does not look: add it to namespaces, or take it out of reloader.namespaces (watchGlobally=false means the release's own)" .) }}
{{- end }}
{{- end }}
{{- range $values.stores.serviceAccounts }}
{{- if not (has .namespace $names) }}
{{- fail (printf "stores.serviceAccounts names %s/%s, where the agent does not look: add %s to namespaces, or take the account out" .namespace .name .namespace) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Where workloads are restarted, with commas; everywhere if empty. */}}
{{- define "rekey.reloaderNamespaces" -}}
{{- $namespaces := .Values.reloader.namespaces }}
{{- if kindIs "slice" $namespaces }}{{ $namespaces = join "," $namespaces }}{{ end }}
{{- $namespaces = nospace (default "" $namespaces) }}
{{- if and (not $namespaces) (not .Values.reloader.watchGlobally) }}{{ $namespaces = .Release.Namespace }}{{ end }}
{{- $namespaces }}
{{- end }}

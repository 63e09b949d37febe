{{- define "rekey.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "rekey.fullname" -}}
{{- $name := include "rekey.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "rekey.selectorLabels" -}}
app.kubernetes.io/name: {{ include "rekey.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* commonLabels yield to the chart's own. */}}
{{- define "rekey.labels" -}}
{{- $own := dict "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") "app.kubernetes.io/version" .Chart.AppVersion "app.kubernetes.io/managed-by" .Release.Service }}
{{- mergeOverwrite (dict) (default dict .Values.commonLabels) $own (include "rekey.selectorLabels" . | fromYaml) | toYaml }}
{{- end }}

{{- define "rekey.podLabels" -}}
{{- mergeOverwrite (dict) (default dict .Values.commonLabels) (default dict .Values.podLabels) (include "rekey.selectorLabels" . | fromYaml) | toYaml }}
{{- end }}

{{- define "rekey.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "rekey.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is needed when serviceAccount.create is false: the name of the ServiceAccount to use" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "rekey.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "rekey.adminPort" -}}
{{- if not (regexMatch ":[0-9]+$" .Values.adminAddr) }}
{{- fail (printf "adminAddr has no port (%s): give address and port, for instance 0.0.0.0:8080" .Values.adminAddr) }}
{{- end }}
{{- regexFind "[0-9]+$" .Values.adminAddr }}
{{- end }}

{{- /* A flag for each value that is set; the agent knows the defaults of the others. */}}
{{- define "rekey.args" -}}
- {{ printf "--queue-url=%s" .Values.queueUrl | quote }}
{{- $values := list "mode" "adminAddr" "controllerClass" "defaultIdentity" "concurrent" "heartbeatPeriod" "sweepInterval" "eventRefresh" "logLevel" "minRestartInterval" "maxRetryInterval" "secretsManagerRate" "parameterStoreRate" "esoMetrics" "reloaderMetrics" "clusterStores" "clusterExternalSecrets" }}
{{- range $value := $values }}
{{- $set := get $.Values $value }}
{{- if not (has $set (list nil "")) }}
- {{ printf "--%s=%v" (kebabcase $value) $set | quote }}
{{- end }}
{{- end }}
{{- with .Values.namespaces }}
- {{ printf "--watch-namespaces=%s" (join "," .) | quote }}
{{- end }}
{{- if gt (int .Values.replicas) 1 }}
- --leader-elect=true
- {{ printf "--lease-name=%s" (include "rekey.fullname" .) | quote }}
{{- end }}
{{- $reloader := include "rekey.reloaderFlags" . | fromJson }}
{{- range $flag, $set := $reloader }}
{{- if not (has $set (list nil "" false)) }}
- {{ printf "--%s=%v" $flag $set | quote }}
{{- end }}
{{- end }}
{{- $taken := concat (list "queue-url" "watch-namespaces" "leader-elect" "lease-name" "enable-ha") (keys $reloader) }}
{{- range $values }}{{ $taken = append $taken (kebabcase .) }}{{ end }}
{{- range $flag, $set := .Values.extraArgs }}
{{- if or (hasPrefix "-" $flag) (has $flag $taken) }}
{{- fail (printf "extraArgs.%s: write flags without dashes, and set what has a value of its own by that; values.yaml names them all" $flag) }}
{{- end }}
- {{ ternary (printf "--%s" $flag) (printf "--%s=%v" $flag $set) (has $set (list nil "")) | quote }}
{{- end }}
{{- end }}

{{- /* Kinds of workload that are left alone: the agent may not create Jobs, or is not to. */}}
{{- define "rekey.ignoredWorkloadTypes" -}}
{{- $ignored := list }}
{{- if or .Values.reloader.ignoreJobs (not .Values.createJobs) }}{{ $ignored = append $ignored "jobs" }}{{ end }}
{{- if or .Values.reloader.ignoreCronJobs (not .Values.createJobs) }}{{ $ignored = append $ignored "cronjobs" }}{{ end }}
{{- join "," $ignored }}
{{- end }}

{{- /* Values of Stakater Reloader's chart that have another place here, or none: they may ask for nothing, or for what is so. */}}
{{- define "rekey.reloaderElsewhere" -}}
{{- $remedies := dict "enableHA" "set replicas to 2 or more" "webhookUrl" "put the address into a Secret and name that in webhook.secretName" "logLevel" "set logLevel" "logFormat" "leave it out: the log is JSON" "enablePProf" "leave it out: the agent has no profiler" "enableCSIIntegration" "leave it out: SecretProviderClasses are not followed" }}
{{- $harmless := dict "logLevel" "info" "logFormat" "json" }}
{{- range $value, $remedy := $remedies }}
{{- if not (has (get $ $value) (list nil "" false (get $harmless $value))) }}
{{- fail (printf "reloader.%s: %s" $value $remedy) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Stakater Reloader's flags for the values of Stakater Reloader's chart. */}}
{{- define "rekey.reloaderFlags" -}}
{{- $names := dict "autoReloadAll" "auto-reload-all" "reloadStrategy" "reload-strategy" "reloadOnCreate" "reload-on-create" "reloadOnDelete" "reload-on-delete" "syncAfterRestart" "sync-after-restart" "isArgoRollouts" "is-Argo-Rollouts" "ignoreNamespaces" "namespaces-to-ignore" "namespaceSelector" "namespace-selector" "resourceLabelSelector" "resource-label-selector" "rerunFinishedJobs" "rerun-finished-jobs" "runSuspendedCronJobs" "run-suspended-cron-jobs" }}
{{- $annotations := dict "auto" "auto-annotation" "secret_auto" "secret-auto-annotation" "configmap_auto" "configmap-auto-annotation" "secret" "secret-annotation" "configmap" "configmap-annotation" "search" "auto-search-annotation" "match" "search-match-annotation" "ignore" "ignore-annotation" "pausePeriod" "pause-deployment-annotation" "pauseTime" "pause-deployment-time-annotation" }}
{{- $flags := dict "ignored-workload-types" (include "rekey.ignoredWorkloadTypes" .) }}
{{- $reloader := .Values.reloader }}
{{- include "rekey.reloaderElsewhere" $reloader }}
{{- range $value, $flag := $names }}{{ $_ := set $flags $flag (get $reloader $value) }}{{ end }}
{{- $renamed := default dict $reloader.custom_annotations }}
{{- range $value, $flag := $annotations }}{{ $_ := set $flags $flag (get $renamed $value) }}{{ end }}
{{- $_ := set $flags "namespaces" (include "rekey.reloaderNamespaces" .) }}
{{- if and $reloader.ignoreSecrets $reloader.ignoreConfigMaps }}
{{- fail "reloader.ignoreSecrets and reloader.ignoreConfigMaps: one of them only, for nothing would restart anything" }}
{{- end }}
{{- if $reloader.ignoreSecrets }}{{ $_ := set $flags "resources-to-ignore" "secrets" }}{{ end }}
{{- if $reloader.ignoreConfigMaps }}{{ $_ := set $flags "resources-to-ignore" "configmaps" }}{{ end }}
{{- toJson $flags }}
{{- end }}

{{- /* The alerts, as a list. A series is of this installation if it was scraped in its namespace. */}}
{{- define "rekey.alerts" -}}
{{- $here := printf "namespace=%q" .Release.Namespace }}
- alert: RekeyNoLeader
  expr: absent(rekey_leader{ {{- $here -}} } == 1)
  for: 5m
  labels: {severity: critical}
  annotations:
    summary: No Rekey agent works
    description: >-
      No pod of namespace {{ .Release.Namespace }} says that it leads: changed secrets reach no pod until one does. Their events
      wait in the queue.
- alert: RekeyPipeUnproven
  expr: sum(rekey_objects{ {{- $here -}} ,pipe="unproven"}) > 0
  for: 30m
  labels: {severity: warning}
  annotations:
    summary: Events are not known to arrive
    description: >-
      {{ "{{ $value }}" }} ExternalSecrets depend on a pipe without heartbeats and are compared with AWS at their refreshInterval.
      /readyz of the agent says which pipe, and why.
- alert: RekeyExternalSecretsNotReady
  expr: sum(rekey_objects{ {{- $here -}} ,ready="false"}) > 0
  for: 15m
  labels: {severity: warning}
  annotations:
    summary: ExternalSecrets are not Ready
    description: >-
      {{ "{{ $value }}" }} ExternalSecrets could not be synced for 15 minutes. kubectl get externalsecrets --all-namespaces
      names them, and their condition the cause.
- alert: RekeyRolloutsFail
  expr: sum by (outcome) (increase(rekey_rollouts_total{ {{- $here -}} ,outcome=~"failed|stuck|job_failed"}[15m])) > 0
  labels: {severity: warning}
  annotations:
    summary: Restarts fail
    description: >-
      Workloads were restarted for a changed Secret or ConfigMap, and that ended as {{ "{{ $labels.outcome }}" }}. Events of the
      workloads say why.
- alert: RekeyUnannouncedChanges
  expr: increase(rekey_unannounced_changes_total{ {{- $here -}} }[1h]) > 0
  labels: {severity: warning}
  annotations:
    summary: Changes come without an event
    description: >-
      A comparison with AWS found changes that no event announced though heartbeats arrive: the rules do not cover every source.
      Events UnannouncedChange of ExternalSecrets name them.
- alert: RekeyContestedTargets
  expr: max(rekey_contested_targets{ {{- $here -}} }) > 0
  for: 30m
  labels: {severity: warning}
  annotations:
    summary: Somebody else writes targets
    description: >-
      {{ "{{ $value }}" }} ExternalSecrets or their targets are written again and again by somebody else, for instance a second
      controller.
{{- if eq (default "standalone" .Values.mode) "companion" }}
- alert: RekeyCompanionNotFollowed
  expr: increase(rekey_companion_total{ {{- $here -}} ,outcome="given_up"}[1h]) > 0
  labels: {severity: warning}
  annotations:
    summary: External Secrets Operator does not refresh
    description: >-
      External Secrets Operator was told to refresh and did not within 5 minutes; changed secrets wait for refreshInterval.
{{- end }}
{{- end }}

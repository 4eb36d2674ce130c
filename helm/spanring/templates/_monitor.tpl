{{/* (list ROOT MONITOR FIELD): spec of a ServiceMonitor (FIELD endpoints) or PodMonitor (podMetricsEndpoints). */}}
{{- define "spanring.monitorSpec" -}}
{{- $root := index . 0 -}}
{{- $monitor := index . 1 -}}
selector:
  matchLabels:
    {{- include "spanring.selectorLabels" $root | nindent 4 }}
namespaceSelector:
  matchNames:
    - {{ include "spanring.namespace" $root }}
{{- with $monitor.sampleLimit }}
sampleLimit: {{ . | int }}
{{- end }}
{{ index . 2 }}:
  {{- range $endpoint := $monitor.metricsEndpoints }}
  {{- $filled := deepCopy $endpoint }}
  {{- if and $monitor.relabelings (not (hasKey $filled "relabelings")) }}{{ $_ := set $filled "relabelings" $monitor.relabelings }}{{ end }}
  {{- if and $monitor.metricRelabelings (not (hasKey $filled "metricRelabelings")) }}{{ $_ := set $filled "metricRelabelings" $monitor.metricRelabelings }}{{ end }}
  - {{- toYaml $filled | nindent 4 }}
  {{- end }}
{{- end -}}

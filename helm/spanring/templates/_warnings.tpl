{{/* What works, and is seldom meant: a YAML list of texts, shown after an installation. */}}
{{- define "spanring.warnings" -}}
{{- $warnings := list -}}
{{- if and (eq .Values.mode "deployment") (not .Values.autoscaling.enabled) (eq (toString .Values.replicaCount) "1") -}}
{{- $warnings = append $warnings "One router only: its restart is an outage. Use replicaCount: 2 or more; routers share no state." -}}
{{- end -}}
{{- if eq (dig "httpGet" "path" "" (.Values.livenessProbe | default dict)) "/" -}}
{{- $warnings = append $warnings "livenessProbe: / fails while a pod drains, so the kubelet may kill it before it is done. Use /livez." -}}
{{- end -}}
{{- if eq (dig "httpGet" "path" "" (.Values.readinessProbe | default dict)) "/" -}}
{{- $warnings = append $warnings "readinessProbe: / says yes before any backend is reached. Use /readyz." -}}
{{- end -}}
{{- if .Values.clusterRole.create -}}
{{- $warnings = append $warnings "clusterRole is not rendered: rbac makes the Role that the resolver k8s needs, in the namespace of the backends." -}}
{{- end -}}
{{- if not (dig "limits" "memory" "" .Values.resources) -}}
{{- $warnings = append $warnings "resources.limits.memory is not set: the memory budget follows from the memory of the node, up to 2 GiB." -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.ingressClassName) -}}
{{- $warnings = append $warnings "ingress.ingressClassName is not set: the cluster's default class serves it, if there is one." -}}
{{- end -}}
{{- if and (not .Values.enableConfigChecksumAnnotation) .Values.configMap.create (eq .Values.reload "rollout") -}}
{{- $warnings = append $warnings "enableConfigChecksumAnnotation is false: a changed configuration takes effect when pods are restarted." -}}
{{- end -}}
{{- if and (eq .Values.service.type "LoadBalancer") (not .Values.service.loadBalancerSourceRanges) (not (include "spanring.serverSecret" .)) -}}
{{- $warnings = append $warnings "service.type: LoadBalancer without TLS and without loadBalancerSourceRanges: everybody who reaches it can send spans, in plaintext." -}}
{{- end -}}
{{- if and .Values.tests.enabled .Values.tls.server.clientCASecret -}}
{{- $warnings = append $warnings "tests.enabled: clients must show a certificate and the test pod has none, so `helm test` fails. Set tests.enabled: false." -}}
{{- end -}}
{{- toYaml $warnings -}}
{{- end -}}

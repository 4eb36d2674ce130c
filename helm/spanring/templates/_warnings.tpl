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
{{- if and .Values.service.enabled (has .Values.service.type (list "LoadBalancer" "NodePort")) (include "spanring.portInService" (list . "metrics")) -}}
{{- $warnings = append $warnings (printf "service.type: %s publishes the metrics outside of the cluster too, on port %d. Use podMonitor instead of serviceMonitor, and leave ports.metrics.enabled false." .Values.service.type (.Values.ports.metrics.servicePort | int)) -}}
{{- end -}}
{{- if and .Values.tests.enabled .Values.tls.server.clientCASecret (not (regexMatch "--tls-cert" (toJson .Values.tests.extraArgs))) -}}
{{- $warnings = append $warnings "tests.enabled: clients must show a certificate and the test pod has none, so `helm test` fails. Give it one (tests.extraVolumes, extraVolumeMounts, and --tls-cert and --tls-key in extraArgs), or set tests.enabled: false." -}}
{{- end -}}
{{- if and .Values.configMap.create (not .Values.alternateConfig) (include "spanring.backendsResolver" .) -}}
{{- $own := get (include "spanring.config" . | fromYaml) "spanring" -}}
{{- $algorithm := get (get $own "ring" | default dict) "algorithm" | toString -}}
{{- if hasPrefix "collector_" $algorithm -}}
{{- $warnings = append $warnings (printf "spanring.ring.algorithm: %s hashes names as the Collector has them: ip:port with a port in its resolver, ip without. `backends` always writes the port. If your Collectors' resolver has none, copy their resolver to config.exporters.loadbalancing.resolver instead, or the rings differ." $algorithm) -}}
{{- end -}}
{{- end -}}
{{- toYaml $warnings -}}
{{- end -}}

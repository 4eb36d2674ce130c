{{/* What the opentelemetry-collector chart can do and this one cannot. */}}
{{- define "spanring.refuseForeign" -}}
{{- if eq .Values.mode "statefulset" -}}
{{- fail "mode: statefulset: a router keeps no state; use deployment (or daemonset)" -}}
{{- else if not (has .Values.mode (list "deployment" "daemonset")) -}}
{{- fail (printf "mode: %q: use deployment or daemonset" .Values.mode) -}}
{{- end -}}
{{- range $name, $preset := .Values.presets -}}
{{- if or (get ($preset | default dict) "enabled") (regexMatch "\"enabled\":true" ($preset | toJson)) -}}
{{- fail (printf "presets.%s: spanring has no presets: it routes spans and collects nothing; leave that to a Collector" $name) -}}
{{- end -}}
{{- end -}}
{{- range $name := list "traces" "metrics" "logs" -}}
{{- if get (get $.Values.internalTelemetryViaOTLP $name | default dict) "enabled" -}}
{{- fail (printf "internalTelemetryViaOTLP.%s: spanring does not push its telemetry; enable serviceMonitor or podMonitor" $name) -}}
{{- end -}}
{{- end -}}
{{- if regexMatch "^/?otelcol" .Values.command.name -}}
{{- fail (printf "command.name: %q is a Collector; remove it: the image starts spanring" .Values.command.name) -}}
{{- end -}}
{{- if .Values.hostPID -}}
{{- fail "hostPID: spanring looks at no processes; remove it" -}}
{{- end -}}
{{- if not .Values.image.repository -}}
{{- fail "image.repository: empty; build the image with the Dockerfile, push it to your registry, and set image.repository to where it is, such as REGISTRY/spanring" -}}
{{- end -}}
{{- if regexMatch "opentelemetry-collector|otelcol" .Values.image.repository -}}
{{- fail (printf "image.repository: %s is a Collector's image; set it to where you pushed that of spanring" .Values.image.repository) -}}
{{- end -}}
{{- end -}}

{{- define "spanring.refuseScale" -}}
{{- if .Values.autoscaling.enabled -}}
{{- if eq .Values.mode "daemonset" -}}
{{- fail "autoscaling.enabled: a DaemonSet has one pod per node; use mode: deployment" -}}
{{- end -}}
{{- if gt (.Values.autoscaling.minReplicas | int) (.Values.autoscaling.maxReplicas | int) -}}
{{- fail (printf "autoscaling: minReplicas %d is more than maxReplicas %d" (.Values.autoscaling.minReplicas | int) (.Values.autoscaling.maxReplicas | int)) -}}
{{- end -}}
{{- $requests := get .Values.resources "requests" | default dict -}}
{{- range $name, $target := dict "cpu" .Values.autoscaling.targetCPUUtilizationPercentage "memory" .Values.autoscaling.targetMemoryUtilizationPercentage -}}
{{- if and $target (not (get $requests $name)) -}}
{{- fail (printf "autoscaling: a target for %s is in %% of resources.requests.%s, which is not set" $name $name) -}}
{{- end -}}
{{- end -}}
{{- if not (or .Values.autoscaling.targetCPUUtilizationPercentage .Values.autoscaling.targetMemoryUtilizationPercentage .Values.autoscaling.additionalMetrics) -}}
{{- fail "autoscaling.enabled: no target: set targetCPUUtilizationPercentage, targetMemoryUtilizationPercentage or additionalMetrics" -}}
{{- end -}}
{{- end -}}
{{- $budget := .Values.podDisruptionBudget -}}
{{- if and $budget.enabled (eq .Values.mode "deployment") -}}
{{- $fewest := ternary .Values.autoscaling.minReplicas .Values.replicaCount .Values.autoscaling.enabled -}}
{{- if eq (toString $budget.minAvailable) "100%" -}}
{{- fail "podDisruptionBudget.minAvailable: 100%: no node could ever be drained; use less, or maxUnavailable: 1" -}}
{{- end -}}
{{- if and (regexMatch "^[0-9]+$" (toString $budget.minAvailable)) (not (kindIs "invalid" $fewest)) -}}
{{- if ge ($budget.minAvailable | int) ($fewest | int) -}}
{{- fail (printf "podDisruptionBudget.minAvailable: %d of %d replicas: no node could ever be drained; use less, or maxUnavailable: 1" ($budget.minAvailable | int) ($fewest | int)) -}}
{{- end -}}
{{- end -}}
{{- if and (kindIs "invalid" $budget.minAvailable) (eq (toString $budget.maxUnavailable) "0") -}}
{{- fail "podDisruptionBudget.maxUnavailable: 0: no node could ever be drained; use 1" -}}
{{- end -}}
{{- if and (kindIs "invalid" $budget.minAvailable) (kindIs "invalid" $budget.maxUnavailable) -}}
{{- fail "podDisruptionBudget: set minAvailable or maxUnavailable, or enabled: false" -}}
{{- end -}}
{{- end -}}
{{- $left := include "spanring.drainSeconds" . | int -}}
{{- if lt $left 10 -}}
{{- fail (printf "terminationGracePeriodSeconds: %d s are left for the drain after a preStop hook, 10 at least are needed" $left) -}}
{{- end -}}
{{- end -}}

{{/* Probes that ask the health port ask where it was moved to. */}}
{{- define "spanring.refuseProbes" -}}
{{- $health := .Values.ports.health | default dict -}}
{{- if and (include "spanring.portOpen" (list . "health")) (ne ($health.containerPort | int) 13133) -}}
{{- range $name := list "livenessProbe" "readinessProbe" "startupProbe" -}}
{{- $probe := get $.Values $name | default dict -}}
{{- $port := get (get $probe "httpGet" | default dict) "port" | default "health" | toString -}}
{{- if not (or $probe.grpc $probe.tcpSocket $probe.exec (has $port (list "health" ($health.containerPort | toString)))) -}}
{{- fail (printf "%s.httpGet.port: %s, but ports.health.containerPort is %d; make them equal" $name $port ($health.containerPort | int)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "spanring.refuseObjects" -}}
{{- if and (eq .Values.dnsPolicy "None") (not .Values.dnsConfig) -}}
{{- fail "dnsPolicy: None needs dnsConfig.nameservers" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (not .Values.service.enabled) -}}
{{- fail "serviceMonitor.enabled needs service.enabled; without a Service use podMonitor" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
{{- fail "serviceMonitor and podMonitor: enable one; with both every pod is scraped twice and sums are doubled" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (not (get (get .Values.ports "metrics" | default dict) "servicePort")) -}}
{{- fail "serviceMonitor.enabled needs ports.metrics.servicePort: it finds the port through the Service" -}}
{{- end -}}
{{- if and .Values.prometheusRule.enabled (not .Values.prometheusRule.defaultRules.enabled) (not .Values.prometheusRule.groups) -}}
{{- fail "prometheusRule.enabled without rules: enable defaultRules, or give groups" -}}
{{- end -}}
{{- range $kind := list "httproute" "grpcroute" -}}
{{- $route := get $.Values $kind -}}
{{- if $route.enabled -}}
{{- if not $route.parentRefs }}{{ fail (printf "%s.parentRefs: name the Gateway" $kind) }}{{ end -}}
{{- if not $.Values.service.enabled }}{{ fail (printf "%s.enabled needs service.enabled" $kind) }}{{ end -}}
{{- $port := get $.Values.ports (ternary "otlp-http" "otlp" (eq $kind "httproute")) -}}
{{- if and (not $route.rules) (not (and $port.enabled $port.servicePort)) -}}
{{- fail (printf "%s.enabled: the port %s is closed; enable it, or give rules" $kind (ternary "otlp-http" "otlp" (eq $kind "httproute"))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if .Values.ingress.enabled -}}
{{- if not .Values.ingress.hosts }}{{ fail "ingress.hosts: give at least one host with paths" }}{{ end -}}
{{- if not .Values.service.enabled }}{{ fail "ingress.enabled needs service.enabled" }}{{ end -}}
{{- end -}}
{{- $server := .Values.tls.server -}}
{{- if and $server.certificate.create (not $server.certificate.issuerRef.name) -}}
{{- fail "tls.server.certificate.issuerRef.name: name the cert-manager issuer" -}}
{{- end -}}
{{- if and $server.clientCASecret (not (include "spanring.serverSecret" .)) -}}
{{- fail "tls.server.clientCASecret: clients can only show certificates over TLS; set tls.server.existingSecret too" -}}
{{- end -}}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) (include "spanring.watchesSlices" .) -}}
{{- fail "serviceAccount.create: false without a name: the account `default` would get the Role for EndpointSlices; name one" -}}
{{- end -}}
{{- if and (eq (toString .Values.serviceAccount.automountServiceAccountToken) "false") (include "spanring.watchesSlices" .) -}}
{{- fail "serviceAccount.automountServiceAccountToken: false, but the resolver k8s needs the token; remove the key" -}}
{{- end -}}
{{- end -}}

{{/* Exactly one source of the configuration, and of the backends. */}}
{{- define "spanring.refuseSources" -}}
{{- if and .Values.configMap.create .Values.configMap.existingName -}}
{{- fail "configMap: existingName with create: true gives two configurations; set create: false" -}}
{{- end -}}
{{- if and .Values.configMap.create .Values.configMap.existingPath -}}
{{- fail "configMap.existingPath: it is for your own ConfigMap; set create: false and existingName" -}}
{{- end -}}
{{- if not (or .Values.configMap.create .Values.configMap.existingName) -}}
{{- fail "configMap.create: false needs configMap.existingName: a ConfigMap with the configuration under the key relay" -}}
{{- end -}}
{{- $backends := .Values.backends -}}
{{- $service := include "spanring.backendsServiceName" . -}}
{{- if and $backends.hostname $service -}}
{{- fail "backends: hostname and service name the second tier twice; remove one" -}}
{{- end -}}
{{- if and $backends.hostname (eq $backends.resolver "k8s") -}}
{{- fail "backends.hostname: the resolver k8s watches a Service; set backends.service.name instead" -}}
{{- end -}}
{{- if contains ":" $backends.hostname -}}
{{- fail (printf "backends.hostname: %q: without a port; that is backends.port" $backends.hostname) -}}
{{- end -}}
{{- if and $backends.service.create (not $backends.service.selector) -}}
{{- fail "backends.service.selector: the labels of the Collector pods" -}}
{{- end -}}
{{- if and .Values.configMap.create (not .Values.alternateConfig) -}}
{{- $config := tpl (toYaml .Values.config) . | fromYaml -}}
{{- $exporter := get (get $config "exporters" | default dict) (include "spanring.exporterId" $config) | default dict -}}
{{- $resolver := get $exporter "resolver" | default dict -}}
{{- if and $resolver (include "spanring.backendsResolver" .) -}}
{{- fail "backends: config.exporters has a resolver too; name the second tier in one place" -}}
{{- end -}}
{{- if not (or $resolver (include "spanring.backendsResolver" .)) -}}
{{- fail "backends: none named: set backends.service.name (a headless Service), backends.hostname, or config.exporters.loadbalancing.resolver" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* (list ROOT CONFIG): what would be refused, or never be reached, in the pod. */}}
{{- define "spanring.refuseConfig" -}}
{{- $root := index . 0 -}}
{{- $config := index . 1 -}}
{{- $key := ternary "alternateConfig" "config" (not (empty $root.Values.alternateConfig)) -}}
{{- $service := get $config "service" | default dict -}}
{{- range $name, $_ := (get $service "pipelines" | default dict) -}}
{{- if not (regexMatch "^traces(/|$)" $name) -}}
{{- fail (printf "%s.service.pipelines.%s: spanring serves traces only; set it to null" $key $name) -}}
{{- end -}}
{{- end -}}
{{- $receiverId := include "spanring.receiverId" $config -}}
{{- $receiver := get (get $config "receivers" | default dict) $receiverId | default dict -}}
{{- $protocols := get $receiver "protocols" | default dict -}}
{{- $where := printf "%s.receivers.%s.protocols" $key $receiverId -}}
{{- range $port, $protocol := dict "otlp" "grpc" "otlp-http" "http" -}}
{{- if include "spanring.portOpen" (list $root $port) -}}
{{- if not (hasKey $protocols $protocol) -}}
{{- fail (printf "ports.%s is enabled, and there is no %s.%s: nothing would listen; set ports.%s.enabled: false" $port $where $protocol $port) -}}
{{- end -}}
{{- $endpoint := get (get $protocols $protocol | default dict) "endpoint" | default "localhost" -}}
{{- include "spanring.refuseEndpoint" (list $root $port (printf "%s.%s.endpoint" $where $protocol) $endpoint) -}}
{{- end -}}
{{- end -}}
{{- $started := get $service "extensions" -}}
{{- $healthId := "health_check" -}}
{{- range ($started | default list) }}{{ if regexMatch "^health_check(/|$)" . }}{{ $healthId = . }}{{ end }}{{ end -}}
{{- if include "spanring.portOpen" (list $root "health") -}}
{{- if and (kindIs "slice" $started) (not (has $healthId $started)) -}}
{{- fail (printf "%s.service.extensions: without health_check the probes fail; add it, or set ports.health.enabled: false and other probes" $key) -}}
{{- end -}}
{{- $health := get (get $config "extensions" | default dict) $healthId | default dict -}}
{{- include "spanring.refuseEndpoint" (list $root "health" (printf "%s.extensions.%s.endpoint" $key $healthId) (get $health "endpoint" | default "localhost")) -}}
{{- end -}}
{{- include "spanring.refuseMetrics" (list $root $config $key) -}}
{{- include "spanring.refuseDrain" (list $root $config $key) -}}
{{- $policy := $root.Values.networkPolicy -}}
{{- if and $policy.enabled (not $policy.egressRules) (include "spanring.resolverFacts" $config | fromYaml).srv -}}
{{- fail (printf "networkPolicy: with %s.spanring.dns.srv only DNS knows the ports of the backends; allow them in networkPolicy.egressRules" $key) -}}
{{- end -}}
{{- end -}}

{{/* (list ROOT PORT KEY ENDPOINT): the endpoint is open to other pods, and has the number of the port. */}}
{{- define "spanring.refuseEndpoint" -}}
{{- $root := index . 0 -}}
{{- $port := get $root.Values.ports (index . 1) -}}
{{- $endpoint := index . 3 | toString -}}
{{- if regexMatch "^(localhost|127\\.[0-9.]+|\\[::1\\])(:|$)" $endpoint -}}
{{- fail (printf "%s: %s is not reached from other pods; write \":%d\"" (index . 2) $endpoint ($port.containerPort | int)) -}}
{{- end -}}
{{- $number := regexFind ":[0-9]+$" $endpoint | trimPrefix ":" -}}
{{- if and $number (ne ($number | int) ($port.containerPort | int)) -}}
{{- fail (printf "%s: %s, but ports.%s.containerPort is %d; make them equal" (index . 2) $endpoint (index . 1) ($port.containerPort | int)) -}}
{{- end -}}
{{- end -}}

{{/* (list ROOT CONFIG KEY) */}}
{{- define "spanring.refuseMetrics" -}}
{{- $root := index . 0 -}}
{{- if include "spanring.portOpen" (list $root "metrics") -}}
{{- $telemetry := get (get (index . 1) "service" | default dict) "telemetry" | default dict -}}
{{- $metrics := get $telemetry "metrics" | default dict -}}
{{- $readers := get $metrics "readers" -}}
{{- $where := printf "%s.service.telemetry.metrics" (index . 2) -}}
{{- if or (eq (get $metrics "level" | toString) "none") (and (kindIs "slice" $readers) (empty $readers)) -}}
{{- fail (printf "%s: metrics are switched off, but the port metrics is open for a monitor" $where) -}}
{{- end -}}
{{- $pull := dict -}}
{{- range ($readers | default list) }}{{ if get . "pull" }}{{ $pull = get (get .pull "exporter" | default dict) "prometheus" | default dict }}{{ end }}{{ end -}}
{{- $host := hasKey $pull "host" | ternary (get $pull "host") "localhost" -}}
{{- $endpoint := printf "%s:%v" $host (get $pull "port" | default 8888) -}}
{{- include "spanring.refuseEndpoint" (list $root "metrics" (printf "%s.readers[0].pull.exporter.prometheus" $where) $endpoint) -}}
{{- end -}}
{{- end -}}

{{/* (list ROOT CONFIG KEY): delay + 0.5 s + timeout fit into the grace period. */}}
{{- define "spanring.refuseDrain" -}}
{{- $root := index . 0 -}}
{{- $drain := get (get (index . 1) "spanring" | default dict) "drain" | default dict -}}
{{- $delay := include "spanring.seconds" (hasKey $drain "delay" | ternary (get $drain "delay") "5s") -}}
{{- $timeout := include "spanring.seconds" (hasKey $drain "timeout" | ternary (get $drain "timeout") "30s") -}}
{{- if and $delay $timeout -}}
{{- $needed := addf (float64 $delay) (float64 $timeout) 0.5 -}}
{{- $left := include "spanring.drainSeconds" $root | int -}}
{{- if gt $needed (float64 $left) -}}
{{- fail (printf "%s.spanring.drain: delay + 0.5 s + timeout are %.1f s, and terminationGracePeriodSeconds leaves %d: SIGKILL would cut requests off" (index . 2) $needed $left) -}}
{{- end -}}
{{- end -}}
{{- end -}}

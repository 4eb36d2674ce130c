{{/*
The configuration as it goes into the ConfigMap. `alternateConfig` as it is; or `config`, in which everything that is missing
is filled in and what is there stays.
*/}}
{{- define "spanring.config" -}}
{{- if .Values.alternateConfig -}}
{{- tpl (toYaml .Values.alternateConfig) . -}}
{{- else -}}
{{- $config := tpl (toYaml .Values.config) . | fromYaml -}}
{{- if hasKey $config "Error" -}}
{{- fail (printf "config: not YAML after its templates were evaluated: %s" $config.Error) -}}
{{- end -}}
{{- include "spanring.dropNulls" $config -}}
{{- $exporterId := include "spanring.exporterId" $config | default "loadbalancing" -}}
{{- include "spanring.fillExporter" (list . $config $exporterId) -}}
{{- include "spanring.fillServerTls" (list . $config) -}}
{{- include "spanring.fillPipeline" (list $config $exporterId) -}}
{{- include "spanring.fillOwn" (list . $config) -}}
{{- toYaml $config -}}
{{- end -}}
{{- end -}}

{{/* `jaeger: null` and `logs: null` come from values that removed defaults of another chart: they mean "not there". */}}
{{- define "spanring.dropNulls" -}}
{{- $config := . -}}
{{- range $section := list "receivers" "exporters" "processors" "extensions" "connectors" -}}
{{- range $id, $value := (get $config $section | default dict) -}}
{{- if kindIs "invalid" $value -}}
{{- if eq $section "receivers" }}{{ $_ := unset (get $config $section) $id }}{{ else }}{{ $_ := set (get $config $section) $id dict }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if and (hasKey $config $section) (empty (get $config $section)) }}{{ $_ := unset $config $section }}{{ end -}}
{{- end -}}
{{- $service := get $config "service" | default dict -}}
{{- range $id, $value := (get $service "pipelines" | default dict) -}}
{{- if kindIs "invalid" $value }}{{ $_ := unset (get $service "pipelines") $id }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* (list ROOT CONFIG ID): the exporter, its resolver from `backends`, TLS to backends; plaintext only where nothing is said. */}}
{{- define "spanring.fillExporter" -}}
{{- $root := index . 0 -}}
{{- $config := index . 1 -}}
{{- $id := index . 2 -}}
{{- $exporters := get $config "exporters" | default dict -}}
{{- $exporter := get $exporters $id | default dict -}}
{{- $protocol := get $exporter "protocol" | default dict -}}
{{- $otlp := get $protocol "otlp" | default dict -}}
{{- $tls := get $otlp "tls" | default dict -}}
{{- $client := $root.Values.tls.client -}}
{{- if or $client.caSecret $client.existingSecret -}}
{{- $fill := dict "insecure" false -}}
{{- if $client.caSecret }}{{ $_ := set $fill "ca_file" "/tls/client-ca/ca.crt" }}{{ end -}}
{{- if $client.existingSecret }}{{ $_ := set $fill "cert_file" "/tls/client/tls.crt" }}{{ $_ := set $fill "key_file" "/tls/client/tls.key" }}{{ end -}}
{{- with $client.serverName | default (include "spanring.backendsTlsName" $root) }}{{ $_ := set $fill "server_name_override" . }}{{ end -}}
{{- $_ := set $otlp "tls" (mergeOverwrite $fill $tls) -}}
{{- else if not (hasKey $otlp "tls") -}}
{{- if get $otlp "auth" -}}
{{- fail (printf "config.exporters.%s.protocol.otlp: auth without tls: credentials would travel in plaintext; write tls with your settings, or {} for TLS with the system's authorities" $id) -}}
{{- else if get $otlp "headers" -}}
{{- fail (printf "config.exporters.%s.protocol.otlp: headers without tls: they would travel in plaintext; write tls: {insecure: true} if they may, else tls with your settings, or {} for TLS with the system's authorities" $id) -}}
{{- end -}}
{{- $_ := set $otlp "tls" (dict "insecure" true) -}}
{{- end -}}
{{- $_ := set $protocol "otlp" $otlp -}}
{{- $_ := set $exporter "protocol" $protocol -}}
{{- $resolver := include "spanring.backendsResolver" $root | fromYaml -}}
{{- if and (empty (get $exporter "resolver")) $resolver }}{{ $_ := set $exporter "resolver" $resolver }}{{ end -}}
{{- $_ := set $exporters $id $exporter -}}
{{- $_ := set $config "exporters" $exporters -}}
{{- end -}}

{{/* (list ROOT CONFIG): the certificate for every protocol of the receiver that is there. */}}
{{- define "spanring.fillServerTls" -}}
{{- $root := index . 0 -}}
{{- $config := index . 1 -}}
{{- $server := $root.Values.tls.server -}}
{{- if include "spanring.serverSecret" $root -}}
{{- $receivers := get $config "receivers" | default dict -}}
{{- $receiver := get $receivers (include "spanring.receiverId" $config) | default dict -}}
{{- range $name, $protocol := (get $receiver "protocols" | default dict) -}}
{{- $fill := dict "cert_file" "/tls/server/tls.crt" "key_file" "/tls/server/tls.key" -}}
{{- if $server.clientCASecret }}{{ $_ := set $fill "client_ca_file" "/tls/server-client-ca/ca.crt" }}{{ end -}}
{{- $own := get ($protocol | default dict) "tls" | default dict -}}
{{- $_ := set (get $receiver "protocols") $name (mergeOverwrite ($protocol | default dict) (dict "tls" (mergeOverwrite $fill $own))) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "spanring.serverSecret" -}}
{{- if .Values.tls.server.existingSecret -}}
{{- .Values.tls.server.existingSecret -}}
{{- else if .Values.tls.server.certificate.create -}}
{{- include "spanring.suffixed" (list . "tls") -}}
{{- end -}}
{{- end -}}

{{/* (list CONFIG ID): the pipeline ends in the exporter when it names none. */}}
{{- define "spanring.fillPipeline" -}}
{{- $config := index . 0 -}}
{{- $id := index . 1 -}}
{{- $service := get $config "service" | default dict -}}
{{- range $name, $pipeline := (get $service "pipelines" | default dict) -}}
{{- if and (regexMatch "^traces(/|$)" $name) (empty (get ($pipeline | default dict) "exporters")) -}}
{{- $_ := set $pipeline "exporters" (list $id) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* (list ROOT CONFIG): drain and workers in the block `spanring`. */}}
{{- define "spanring.fillOwn" -}}
{{- $root := index . 0 -}}
{{- $config := index . 1 -}}
{{- $own := get $config "spanring" | default dict -}}
{{- $drain := get $own "drain" | default dict -}}
{{- $grace := include "spanring.drainSeconds" $root | int -}}
{{- if not (hasKey $drain "delay") }}{{ $_ := set $drain "delay" "5s" }}{{ end -}}
{{- if not (hasKey $drain "timeout") -}}
{{- $delay := include "spanring.seconds" $drain.delay | default "5" | float64 | ceil | int -}}
{{- $_ := set $drain "timeout" (printf "%ds" (sub (sub $grace $delay) 3 | max 1)) -}}
{{- end -}}
{{- $_ := set $own "drain" $drain -}}
{{- if not (hasKey $own "workers") }}{{ $_ := set $own "workers" (include "spanring.workers" $root | int) }}{{ end -}}
{{- $_ := set $config "spanring" $own -}}
{{- end -}}

{{/* What is left of the grace period after a preStop hook that sleeps. */}}
{{- define "spanring.drainSeconds" -}}
{{- $preStop := get (.Values.lifecycleHooks | default dict) "preStop" | default dict -}}
{{- $sleep := get (get $preStop "sleep" | default dict) "seconds" | default 0 | int -}}
{{- sub (.Values.terminationGracePeriodSeconds | int) $sleep -}}
{{- end -}}

{{/* A duration of `spanring.drain`, such as 1500ms, 30s or 1m30s, in seconds; empty for ${env:…}, which only the pod knows. */}}
{{- define "spanring.seconds" -}}
{{- $text := . | toString -}}
{{- if eq "0" $text -}}
0
{{- else if regexMatch "^(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(h|ms|m|s))+$" $text -}}
{{- $seconds := 0.0 -}}
{{- $units := dict "h" 3600.0 "m" 60.0 "s" 1.0 "ms" 0.001 -}}
{{- range $part := regexFindAll "[0-9.]+[hms]+" $text -1 -}}
{{- $unit := regexFind "[hms]+$" $part -}}
{{- $seconds = addf $seconds (mulf (trimSuffix $unit $part | float64) (get $units $unit)) -}}
{{- end -}}
{{- $seconds -}}
{{- else if not (or (kindIs "invalid" .) (contains "$" $text)) -}}
{{- fail (printf "spanring.drain: %q is not a duration; write it as 500ms, 5s or 1m30s" $text) -}}
{{- end -}}
{{- end -}}

{{/* One worker per CPU of the limit; without one, of the request, 2 at least: a node may have 64 CPUs. */}}
{{- define "spanring.workers" -}}
{{- $limits := get .Values.resources "limits" | default dict -}}
{{- $requests := get .Values.resources "requests" | default dict -}}
{{- if get $limits "cpu" -}}
{{- include "spanring.cpus" $limits.cpu -}}
{{- else -}}
{{- include "spanring.cpus" (get $requests "cpu" | default "2") | int | max 2 -}}
{{- end -}}
{{- end -}}

{{- define "spanring.cpus" -}}
{{- $text := . | toString -}}
{{- if hasSuffix "m" $text -}}
{{- divf (trimSuffix "m" $text | float64) 1000.0 | ceil | int -}}
{{- else -}}
{{- $text | float64 | ceil | int -}}
{{- end -}}
{{- end -}}

{{/* Where the second tier is, and what the configuration says of it. */}}

{{- define "spanring.backendsServiceName" -}}
{{- if .Values.backends.service.name -}}
{{- .Values.backends.service.name -}}
{{- else if .Values.backends.service.create -}}
{{- include "spanring.suffixed" (list . "backends") -}}
{{- end -}}
{{- end -}}

{{- define "spanring.backendsNamespace" -}}
{{- .Values.backends.service.namespace | default (include "spanring.namespace" .) -}}
{{- end -}}

{{/* With k8s routers know addresses only: the name that certificates are for is the one that DNS would have used. */}}
{{- define "spanring.backendsTlsName" -}}
{{- $service := include "spanring.backendsServiceName" . -}}
{{- if and $service (eq .Values.backends.resolver "k8s") -}}
{{- printf "%s.%s.svc.%s" $service (include "spanring.backendsNamespace" .) .Values.backends.clusterDomain -}}
{{- end -}}
{{- end -}}

{{/* The resolver block that follows from `backends`; empty when they are not named there. */}}
{{- define "spanring.backendsResolver" -}}
{{- $service := include "spanring.backendsServiceName" . -}}
{{- $namespace := include "spanring.backendsNamespace" . -}}
{{- if .Values.backends.hostname -}}
dns:
  hostname: {{ .Values.backends.hostname | quote }}
  port: {{ .Values.backends.port | int | quote }}
{{- else if and $service (eq .Values.backends.resolver "k8s") -}}
k8s:
  service: {{ printf "%s.%s" $service $namespace }}
  ports:
    - {{ .Values.backends.port | int }}
{{- else if $service -}}
dns:
  hostname: {{ printf "%s.%s.svc.%s." $service $namespace .Values.backends.clusterDomain }}
  port: {{ .Values.backends.port | int | quote }}
{{- end -}}
{{- end -}}

{{/* The id of the load-balancing exporter in a configuration: that of the pipeline, else the first. */}}
{{- define "spanring.exporterId" -}}
{{- $service := get . "service" | default dict -}}
{{- $pipelines := get $service "pipelines" | default dict -}}
{{- $found := "" -}}
{{- range $pipeline := $pipelines -}}
{{- range (get ($pipeline | default dict) "exporters" | default list) -}}
{{- if and (not $found) (regexMatch "^load_?balancing(/|$)" .) }}{{ $found = . }}{{ end -}}
{{- end -}}
{{- end -}}
{{- range $id, $_ := (get . "exporters" | default dict) -}}
{{- if and (not $found) (regexMatch "^load_?balancing(/|$)" $id) }}{{ $found = $id }}{{ end -}}
{{- end -}}
{{- $found -}}
{{- end -}}

{{/* The id of the receiver in a configuration: the first of the pipeline, else `otlp`. */}}
{{- define "spanring.receiverId" -}}
{{- $service := get . "service" | default dict -}}
{{- $found := "" -}}
{{- range $pipeline := (get $service "pipelines" | default dict) -}}
{{- range (get ($pipeline | default dict) "receivers" | default list) -}}
{{- if not $found }}{{ $found = . }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $found | default "otlp" -}}
{{- end -}}

{{/*
What a configuration says of the backends, as YAML: kind (dns, k8s, static or empty), ports, srv (dns only: the ports are in
DNS), namespace (k8s only; empty when the service names none).
*/}}
{{- define "spanring.resolverFacts" -}}
{{- $exporters := get . "exporters" | default dict -}}
{{- $exporter := get $exporters (include "spanring.exporterId" .) | default dict -}}
{{- $resolver := get $exporter "resolver" | default dict -}}
{{- if hasKey $resolver "k8s" -}}
{{- $k8s := get $resolver "k8s" | default dict -}}
{{- $parts := splitList "." (get $k8s "service" | default "" | toString) -}}
kind: k8s
ports: {{ get $k8s "ports" | default (list 4317) | toJson }}
service: {{ get $k8s "service" | default "" | quote }}
namespace: {{ if gt (len $parts) 1 }}{{ index $parts 1 | quote }}{{ else }}""{{ end }}
{{- else if hasKey $resolver "dns" -}}
kind: dns
ports: {{ list (get (get $resolver "dns" | default dict) "port" | default 4317 | int) | toJson }}
srv: {{ get (get (get . "spanring" | default dict) "dns" | default dict) "srv" | default false }}
{{- else if hasKey $resolver "static" -}}
{{- $ports := list -}}
{{- range (get (get $resolver "static" | default dict) "hostnames" | default list) -}}
{{- $port := regexFind ":[0-9]+$" . | trimPrefix ":" | default "4317" | int -}}
{{- $ports = append $ports $port | uniq -}}
{{- end -}}
kind: static
ports: {{ $ports | default (list 4317) | toJson }}
{{- else -}}
kind: ""
ports: [4317]
{{- end -}}
{{- end -}}

{{/* The port at the end of HOST, HOST:PORT or [V6]:PORT; empty when there is none. */}}
{{- define "spanring.portOf" -}}
{{- if regexMatch "^(\\[.*\\]|[^:]*):[0-9]+$" . -}}
{{- regexFind "[0-9]+$" . -}}
{{- end -}}
{{- end -}}

{{/* "true" when EndpointSlices are watched, and so a token and a Role are needed. */}}
{{- define "spanring.watchesSlices" -}}
{{- if not (kindIs "invalid" .Values.rbac.create) -}}
{{- if .Values.rbac.create }}true{{ end -}}
{{- else if .Values.configMap.create -}}
{{- $facts := include "spanring.resolverFacts" (include "spanring.config" . | fromYaml) | fromYaml -}}
{{- if eq $facts.kind "k8s" }}true{{ end -}}
{{- end -}}
{{- end -}}

{{/* The pod, the same for Deployment and DaemonSet. */}}

{{- define "spanring.pod" -}}
metadata:
  annotations:
    {{- if and .Values.enableConfigChecksumAnnotation (eq .Values.reload "rollout") }}
    {{- if .Values.configMap.existingPath }}
    checksum/config: {{ include (print $.Template.BasePath "/" .Values.configMap.existingPath) . | sha256sum }}
    {{- else if .Values.configMap.create }}
    checksum/config: {{ include "spanring.config" . | sha256sum }}
    {{- end }}
    {{- end }}
    kubectl.kubernetes.io/default-container: spanring
    {{- with .Values.podAnnotations }}
    {{- tpl (toYaml .) $ | nindent 4 }}
    {{- end }}
  labels:
    {{- include "spanring.labels" (list . (tpl (toYaml .Values.podLabels) . | fromYaml)) | nindent 4 }}
spec:
  {{- with include "spanring.imagePullSecrets" . }}
  {{- . | nindent 2 }}
  {{- end }}
  serviceAccountName: {{ include "spanring.serviceAccountName" . }}
  automountServiceAccountToken: {{ include "spanring.mountsToken" . | default "false" }}
  enableServiceLinks: false
  {{- with .Values.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds | int }}
  {{- if .Values.hostNetwork }}
  hostNetwork: true
  {{- end }}
  {{- if .Values.shareProcessNamespace }}
  shareProcessNamespace: true
  {{- end }}
  {{- with .Values.dnsPolicy | default (ternary "ClusterFirstWithHostNet" "" .Values.hostNetwork) }}
  dnsPolicy: {{ . }}
  {{- end }}
  {{- with .Values.dnsConfig }}
  dnsConfig:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.hostAliases }}
  hostAliases:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- with .Values.runtimeClassName }}
  runtimeClassName: {{ . | quote }}
  {{- end }}
  {{- with .Values.schedulerName }}
  schedulerName: {{ . | quote }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- tpl (toYaml .) $ | nindent 4 }}
  {{- end }}
  {{- if and (eq .Values.mode "deployment") .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range .Values.topologySpreadConstraints }}
    {{- $selector := include "spanring.selectorLabels" $ | fromYaml }}
    {{- $filled := hasKey . "labelSelector" | ternary . (merge (dict "labelSelector" (dict "matchLabels" $selector)) .) }}
    - {{- toYaml $filled | nindent 6 }}
    {{- end }}
  {{- end }}
  {{- with .Values.initContainers }}
  initContainers:
    {{- tpl (toYaml .) $ | nindent 4 }}
  {{- end }}
  containers:
    - name: spanring
      {{- include "spanring.container" . | nindent 6 }}
    {{- with .Values.extraContainers }}
    {{- tpl (toYaml .) $ | nindent 4 }}
    {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "spanring.configMapName" . }}
        items:
          - key: relay
            path: relay.yaml
    {{- range $name, $secret := (include "spanring.tlsSecrets" . | fromYaml) }}
    - name: tls-{{ $name }}
      secret:
        secretName: {{ $secret }}
        defaultMode: 0440
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- tpl (toYaml .) $ | nindent 4 }}
    {{- end }}
{{- end -}}

{{- define "spanring.container" -}}
image: {{ include "spanring.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.command.name }}
command:
  - {{ hasPrefix "/" . | ternary . (printf "/%s" .) | quote }}
{{- end }}
args:
  - --config=/conf/relay.yaml
  {{- if eq .Values.reload "hot" }}
  - --watch
  {{- end }}
  {{- range .Values.command.extraArgs }}
  - {{ . | quote }}
  {{- end }}
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  {{- range $name, $port := .Values.ports }}
  {{- if include "spanring.portOpen" (list $ $name) }}
  - name: {{ $name }}
    containerPort: {{ $port.containerPort | int }}
    protocol: {{ $port.protocol | default "TCP" }}
    {{- if and (eq $.Values.mode "daemonset") $port.hostPort }}
    hostPort: {{ $port.hostPort | int }}
    {{- end }}
  {{- end }}
  {{- end }}
env:
  {{- range $name, $field := dict "MY_POD_IP" "status.podIP" "OTEL_K8S_NODE_NAME" "spec.nodeName" "OTEL_K8S_NODE_IP" "status.hostIP" "OTEL_K8S_NAMESPACE" "metadata.namespace" "OTEL_K8S_POD_NAME" "metadata.name" "OTEL_K8S_POD_IP" "status.podIP" }}
  - name: {{ $name }}
    valueFrom:
      fieldRef:
        apiVersion: v1
        fieldPath: {{ $field }}
  {{- end }}
  {{- with .Values.extraEnvs }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.extraEnvsFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.lifecycleHooks }}
lifecycle:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- range $name := list "livenessProbe" "readinessProbe" "startupProbe" }}
{{- $probe := get $.Values $name | default dict }}
{{- if or $probe.grpc $probe.tcpSocket $probe.exec }}{{ $probe = omit $probe "httpGet" }}{{ end }}
{{- with $probe }}
{{ $name }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.resizePolicy }}
resizePolicy:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: config
    mountPath: /conf
    readOnly: true
  {{- range $name, $_ := (include "spanring.tlsSecrets" . | fromYaml) }}
  - name: tls-{{ $name }}
    mountPath: /tls/{{ $name }}
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- tpl (toYaml .) $ | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "spanring.configMapName" -}}
{{- if .Values.configMap.create -}}
{{- include "spanring.fullname" . -}}
{{- else -}}
{{- tpl .Values.configMap.existingName . -}}
{{- end -}}
{{- end -}}

{{/* Volume of each TLS secret: name under /tls to name of the Secret. */}}
{{- define "spanring.tlsSecrets" -}}
{{- $secrets := dict -}}
{{- with include "spanring.serverSecret" . }}{{ $_ := set $secrets "server" . }}{{ end -}}
{{- with .Values.tls.server.clientCASecret }}{{ $_ := set $secrets "server-client-ca" . }}{{ end -}}
{{- with .Values.tls.client.caSecret }}{{ $_ := set $secrets "client-ca" . }}{{ end -}}
{{- with .Values.tls.client.existingSecret }}{{ $_ := set $secrets "client" . }}{{ end -}}
{{- toYaml $secrets -}}
{{- end -}}

{{- define "spanring.mountsToken" -}}
{{- if kindIs "invalid" .Values.serviceAccount.automountServiceAccountToken -}}
{{- include "spanring.watchesSlices" . -}}
{{- else -}}
{{- .Values.serviceAccount.automountServiceAccountToken -}}
{{- end -}}
{{- end -}}

{{/* Names, labels and selectors. Selectors never change: only name, instance and component are in them. */}}

{{- define "spanring.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "spanring.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* (list ROOT SUFFIX): the full name with a suffix, at most 63 characters. */}}
{{- define "spanring.suffixed" -}}
{{- $suffix := index . 1 -}}
{{- $room := sub 62 (len $suffix) | int -}}
{{- printf "%s-%s" (include "spanring.fullname" (index . 0) | trunc $room | trimSuffix "-") $suffix -}}
{{- end -}}

{{- define "spanring.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end -}}

{{- define "spanring.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "spanring.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "spanring.selectorLabels" -}}
app.kubernetes.io/name: {{ include "spanring.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: router
{{- end -}}

{{/* Labels that are no selectors; `additionalLabels` may replace them. */}}
{{- define "spanring.commonLabels" -}}
{{- $labels := dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service
  "app.kubernetes.io/part-of" (include "spanring.name" .) -}}
{{- toYaml (mergeOverwrite $labels (tpl (toYaml .Values.additionalLabels) . | fromYaml)) -}}
{{- end -}}

{{/* (list ROOT EXTRA): selectors and common labels, with some more; selectors win. */}}
{{- define "spanring.labels" -}}
{{- $root := index . 0 -}}
{{- $labels := include "spanring.commonLabels" $root | fromYaml -}}
{{- toYaml (mergeOverwrite $labels (index . 1 | default dict) (include "spanring.selectorLabels" $root | fromYaml)) -}}
{{- end -}}

{{/* (list ROOT NAME [LABELS]): name, namespace and labels of an object, below metadata. */}}
{{- define "spanring.metadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 }}
namespace: {{ include "spanring.namespace" $root }}
labels:
  {{- include "spanring.labels" (list $root (gt (len .) 2 | ternary (last .) dict)) | nindent 2 }}
{{- end -}}

{{- define "spanring.image" -}}
{{- $registry := .Values.global.imageRegistry | default .Values.image.registry -}}
{{- if $registry }}{{ trimSuffix "/" $registry }}/{{ end -}}
{{- .Values.image.repository -}}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end -}}

{{- define "spanring.imagePullSecrets" -}}
{{- $secrets := concat (.Values.global.imagePullSecrets | default list) (.Values.imagePullSecrets | default list) | uniq -}}
{{- if $secrets -}}
imagePullSecrets:
  {{- toYaml $secrets | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* "true" when the port NAME of (list ROOT NAME) is in the Service: a PodMonitor alone does not put metrics there. */}}
{{- define "spanring.portInService" -}}
{{- $root := index . 0 -}}
{{- $port := get $root.Values.ports (index . 1) | default dict -}}
{{- $isAsked := or $port.enabled (ne (index . 1) "metrics") $root.Values.serviceMonitor.enabled -}}
{{- if and (include "spanring.portOpen" .) $port.servicePort $isAsked }}true{{ end -}}
{{- end -}}

{{/* "true" when the port NAME of (list ROOT NAME) is open: metrics also when a monitor asks for it. */}}
{{- define "spanring.portOpen" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $port := get $root.Values.ports $name | default dict -}}
{{- if or $port.enabled (and (eq $name "metrics") (or $root.Values.serviceMonitor.enabled $root.Values.podMonitor.enabled)) -}}
true
{{- end -}}
{{- end -}}

{{/* "true" when there is a pod for `helm test`: it sends OTLP/gRPC to the Service. */}}
{{- define "spanring.hasTest" -}}
{{- if and .Values.tests.enabled .Values.service.enabled (include "spanring.portInService" (list . "otlp")) -}}
true
{{- end -}}
{{- end -}}

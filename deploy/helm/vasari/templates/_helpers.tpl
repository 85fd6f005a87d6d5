{{- define "vasari.name" -}}
{{- if contains .Chart.Name .Release.Name -}}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{- end -}}
{{- end }}

{{- define "vasari.selector" -}}
app.kubernetes.io/name: vasari
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "vasari.labels" -}}
{{ include "vasari.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "vasari.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "vasari.claim" -}}
{{ .Values.library.existingClaim | default (printf "%s-library" (include "vasari.name" .)) }}
{{- end }}

{{/* "yes" where several pods can mount the library at once; of a claim that was there only its owner knows. */}}
{{- define "vasari.shared" -}}
{{- if or .Values.library.existingClaim (has "ReadWriteMany" .Values.library.accessModes) (has "ReadOnlyMany" .Values.library.accessModes) -}}yes{{- end -}}
{{- end }}

{{- define "vasari.strategy" -}}
{{- if and (include "vasari.shared" .) .Values.database.existingSecret -}}RollingUpdate{{- else -}}Recreate{{- end -}}
{{- end }}

{{/* What no cluster could run, told before anything is made. */}}
{{- define "vasari.check" -}}
{{- $many := or (gt (int .Values.replicas) 1) .Values.autoscaling.enabled -}}
{{- $shared := include "vasari.shared" . -}}
{{- if and (not .Values.key.existingSecret) (not .Values.readOnly) }}
{{- fail "key.existingSecret names the Secret with the first key: kubectl create secret generic vasari-key --from-literal=key=vasari_$(openssl rand -hex 32)" }}
{{- end }}
{{- if and $many (not .Values.database.existingSecret) }}
{{- fail "several pods need PostgreSQL (database.existingSecret): a SQLite file is for one machine" }}
{{- end }}
{{- if and $many (not $shared) }}
{{- fail "several pods need a library that all of them mount: library.accessModes [ReadWriteMany], or library.existingClaim" }}
{{- end }}
{{- if and .Values.readOnly .Values.indexer.enabled }}
{{- fail "an indexer writes: it belongs to the release that is not readOnly" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (lt (int .Values.autoscaling.maxReplicas) (int .Values.autoscaling.minReplicas)) }}
{{- fail "autoscaling.maxReplicas is less than minReplicas" }}
{{- end }}
{{- if and .Values.monitoring.serviceMonitor (not .Values.key.existingSecret) }}
{{- fail "monitoring.serviceMonitor asks with a key: name its Secret in key.existingSecret" }}
{{- end }}
{{- end }}

{{- define "vasari.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "vasari.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "vasari.environment" -}}
- {name: HOME, value: /tmp}
- {name: VASARI_LIBRARY, value: /data/library}
- {name: HF_HOME, value: /data/hub}
{{- if .Values.pictures }}
- {name: VASARI_ROOTS, value: '["/pictures"]'}
{{- end }}
{{- if .Values.database.existingSecret }}
- name: VASARI_DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ .Values.database.existingSecret | quote }}, key: {{ .Values.database.key | quote }}}}
{{- end }}
{{- with .Values.milvus.url }}
- {name: VASARI_VECTORS, value: {{ . | quote }}}
{{- end }}
{{- range $name, $value := .Values.settings }}
- {name: VASARI_{{ upper $name }}, value: {{ toString $value | quote }}}
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "vasari.mounts" -}}
- {name: library, mountPath: /data{{ if .Values.readOnly }}, readOnly: true{{ end }}}
- {name: tmp, mountPath: /tmp}
{{- if .Values.pictures }}
- {name: pictures, mountPath: /pictures, readOnly: true}
{{- end }}
{{- end }}

{{- define "vasari.volumes" -}}
- name: library
  persistentVolumeClaim: {claimName: {{ include "vasari.claim" . }}{{ if .Values.readOnly }}, readOnly: true{{ end }}}
- name: tmp
  emptyDir: {}
{{- with .Values.pictures }}
- name: pictures
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "umadb.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of all objects; there is space for the suffixes of a pod's name. */}}
{{- define "umadb.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "umadb.selector" -}}
app.kubernetes.io/name: {{ include "umadb.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end }}

{{- define "umadb.labels" -}}
app.kubernetes.io/name: {{ include "umadb.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "umadb.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "umadb.serverName" -}}
{{- .Values.tls.serverName | default (printf "%s.%s.svc" (include "umadb.fullname" .) .Release.Namespace) }}
{{- end }}

{{/* The configuration file. JSON's texts, lists and booleans are those of TOML. */}}
{{- define "umadb.config" -}}
{{- range $name, $value := .Values.settings }}
{{ $name }} = {{ if and (kindIs "float64" $value) (eq (floor $value) $value) }}{{ int64 $value }}{{ else }}{{ toJson $value }}{{ end }}
{{- end }}
{{- end }}

{{- define "umadb.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
# The owner of the files of a large store is not changed at every start.
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "umadb.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* The job that creates the shared log. It gets the password as the servers do: not as an argument. */}}
{{- define "umadb.createLog" -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "umadb.fullname" . }}-create
spec:
  backoffLimit: 0
  ttlSecondsAfterFinished: 3600
  template:
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- with .Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        {{- include "umadb.podSecurityContext" . | nindent 8 }}
      containers:
        - name: create
          image: {{ include "umadb.image" . | quote }}
          args: [cluster, create, --log, {{ .Values.sharedLog.url | quote }}]
          env:
            {{- with .Values.sharedLog.passwordSecret }}
            - name: UMADB_LOG_PASSWORD
              valueFrom:
                secretKeyRef:
                  name: {{ . }}
                  key: {{ $.Values.sharedLog.passwordSecretKey }}
            {{- end }}
            {{- with .Values.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          securityContext:
            {{- include "umadb.securityContext" . | nindent 12 }}
          volumeMounts:
            {{- toYaml .Values.extraVolumeMounts | nindent 12 }}
      volumes:
        {{- toYaml .Values.extraVolumes | nindent 8 }}
{{- end }}

{{- /* The release's name, as that of everything: a release may be installed under any name. */ -}}
{{- define "labeling.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- /* What tells this release's pods of one part from all others. Takes a dictionary of root and part. */ -}}
{{- define "labeling.selector" -}}
app.kubernetes.io/name: labeling
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "labeling.version" -}}
{{- .Values.image.tag | default .Chart.AppVersion -}}
{{- end -}}

{{- define "labeling.labels" -}}
{{ include "labeling.selector" . }}
app.kubernetes.io/version: {{ include "labeling.version" .root | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- /* The settings that are no secret, as YAML; nothing if there are none. */ -}}
{{- define "labeling.plain" -}}
{{- $plain := deepCopy .Values.settings -}}
{{- with .Values.trustedProxies -}}
{{- $_ := set $plain "LABELING_LOCAL_TRUSTED_PROXY" (join " " .) -}}
{{- end -}}
{{- with .Values.objects.host -}}
{{- $_ := set $plain "LABELING_LOCAL_S3_PUBLIC_ENDPOINT" (printf "https://%s" .) -}}
{{- end -}}
{{- with $plain }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{- /* Where a container's settings come from. */ -}}
{{- define "labeling.settings" -}}
envFrom:
  - secretRef: {name: {{ required "existingSecret: name the secret with the settings of the service" .Values.existingSecret | quote }}}
  {{- if include "labeling.plain" . }}
  - configMapRef: {name: {{ include "labeling.name" . }}}
  {{- end }}
{{- end -}}

{{- /* A deployment of one part. */ -}}
{{- define "labeling.deployment" -}}
{{- $name := include "labeling.name" .root -}}
{{- $values := .root.Values -}}
{{- $own := index $values .part -}}
{{- $image := printf "%s:%s" $values.image.repository (include "labeling.version" .root) -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}-{{ .part }}
  labels: {{- include "labeling.labels" . | nindent 4 }}
spec:
  {{- if not (and $own.autoscaling $own.autoscaling.enabled) }}
  replicas: {{ $own.replicas }}
  {{- end }}
  selector:
    matchLabels: {{- include "labeling.selector" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "labeling.labels" . | nindent 8 }}
      annotations:
        # A change of the settings starts the processes anew.
        checksum/settings: {{ include "labeling.plain" .root | sha256sum }}
        {{- with $values.podAnnotations }}{{ toYaml . | nindent 8 }}{{ end }}
    spec:
      {{- with $values.image.pullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ . | quote }}
        {{- end }}
      {{- end }}
      # Of a release "labeling-local", Kubernetes would set variables that look like settings.
      enableServiceLinks: false
      # A process that is asked to end finishes what it answers, after the pause of preStop.
      terminationGracePeriodSeconds: 30
      initContainers:
        # Whoever comes second finds nothing to do. Old processes go on meanwhile if the new version only adds to the tables.
        - name: upgrade
          image: {{ $image | quote }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          args: [database, upgrade]
          {{- include "labeling.settings" .root | nindent 10 }}
      containers:
        - name: {{ .part }}
          image: {{ $image | quote }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          args: [{{ .part }}]
          {{- include "labeling.settings" .root | nindent 10 }}
          env:
            - name: LABELING_LOCAL_PORT
              value: "8000"
            {{- if eq .part "work" }}
            # Where custom functions find the service.
            - name: AWS_ENDPOINT_URL
              value: {{ printf "http://%s:%v" $name $values.service.port | quote }}
            {{- end }}
          ports: [{name: http, containerPort: 8000}]
          {{- if eq .part "serve" }}
          # For some seconds, balancers still send requests to a pod that is to end: it goes on until they know.
          lifecycle: {preStop: {exec: {command: [sleep, "5"]}}}
          {{- end }}
          startupProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 60}
          # A process that trains may answer late.
          livenessProbe: {httpGet: {path: /healthz, port: http}, timeoutSeconds: 10}
          readinessProbe: {httpGet: {path: /readyz, port: http}, timeoutSeconds: 6}
          resources: {{- toYaml $own.resources | nindent 12 }}
          {{- with $values.extraVolumeMounts }}
          volumeMounts: {{- toYaml . | nindent 12 }}
          {{- end }}
      {{- with $values.extraVolumes }}
      volumes: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end -}}

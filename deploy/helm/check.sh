#!/usr/bin/env bash
# Checks the chart with each of the values files in umadb/ci: helm's linter, the types of
# Kubernetes, and the configuration file that results. Usage: check.sh UMADB, a built program.
set -euo pipefail
umadb=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")"
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

GOBIN=$temporary go install helm.sh/helm/v4/cmd/helm@v4.3.1
go build -C testdata/validate -o "$temporary/validate" .
PATH=$temporary:$PATH

for values in umadb/ci/*.yaml; do
	helm lint --strict --quiet umadb --values "$values"
	helm template release umadb --namespace events --values "$values" >"$temporary/objects.yaml"
	validate <"$temporary/objects.yaml" >"$temporary/umadb.toml"
	log=$(grep -A1 'name: UMADB_LOG$' "$temporary/objects.yaml" | sed -n 's/.*value: "\(.*\)"/\1/p' || true)
	env ${log:+UMADB_LOG="$log"} "$umadb" serve --config "$temporary/umadb.toml" --print-config >/dev/null
done

# What a backup must have with some values.
for values in \
	backup.apiKeySecret=x,backup.apiKeySecretKey=entry \
	apiKey.secretName=x,backup.apiKeySecretKey=entry \
	apiKey.secretName=x,apiKey.secretKey=entry \
	"backup.extraEnv[0].name=UMADB_API_KEY_FILE,backup.extraEnv[0].value=/etc/umadb/keys/entry"; do
	if ! helm template release umadb --show-only templates/backup.yaml --set "backup.enabled=true,backup.to=s3://x,$values" |
		grep -A1 UMADB_API_KEY_FILE | grep -q 'value: /etc/umadb/keys/entry$'; then
		echo "a backup with $values has no API key"
		exit 1
	fi
done

# Each pod of a shared log has an address of its own.
for values in postgres etcd; do
	helm template release umadb --namespace events --values "umadb/ci/$values.yaml" --show-only templates/statefulset.yaml >"$temporary/statefulset.yaml"
	for line in 'replicas: 3' '://$(POD_NAME).release-umadb-headless.events.svc:50051' "value: \"$values://"; do
		if ! grep -qF "$line" "$temporary/statefulset.yaml"; then
			echo "the servers with $values.yaml have no $line"
			exit 1
		fi
	done
done

# The notes of a shared log have a job that creates it. Its password is in a Secret only.
for values in postgres etcd; do
	helm install release umadb --dry-run=client --namespace events --values "umadb/ci/$values.yaml" >"$temporary/notes"
	sed -n "s/^  echo '\({.*}\)' | kubectl -n events create -f -$/\1/p" "$temporary/notes" >"$temporary/job.json"
	validate --without-config <"$temporary/job.json"
	for text in '"kind":"Job"' "\"--log\",\"$values://"; do
		if ! grep -qF -- "$text" "$temporary/job.json"; then
			echo "the job of the notes with $values.yaml has no $text"
			exit 1
		fi
	done
done
helm install release umadb --dry-run=client --values umadb/ci/postgres.yaml >"$temporary/notes"
if ! grep -qF '"name":"UMADB_LOG_PASSWORD","valueFrom":{"secretKeyRef":{"key":"password","name":"umadb-postgres"}}' "$temporary/notes" ||
	grep -q 'UMADB_LOG_PASSWORD=' "$temporary/notes"; then
	echo "the notes do not take the password of the log from its Secret"
	exit 1
fi

# What the chart must refuse.
for mistake in \
	settings.listen=0.0.0.0:1 \
	settings.api-key=x \
	settings.log=x \
	sharedLog.url=mysql://x \
	apikey.secretName=x \
	apiKey.secretName=x,keys.secretName=y \
	metrics.serviceMonitor.enabled=true \
	backup.enabled=true \
	backup.enabled=true,backup.to=s3://x,backup.existingClaim=y; do
	if helm template release umadb --set "$mistake" >/dev/null 2>&1; then
		echo "the chart accepts $mistake"
		exit 1
	fi
done

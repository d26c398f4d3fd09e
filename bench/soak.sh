#!/usr/bin/env bash
# usage: bench/soak.sh HOURS SEEDS DURATION LEDGER [planted]
#
# Tests servers of a shared log until HOURS have passed, in rounds: a simulation of some of the
# SEEDS, and chaos with real processes for DURATION with each engine, all with random seeds. With
# "planted", it first plants bugs that the simulation must find. Each run is a line in the file
# LEDGER. The programs are built once, so that the working tree may change meanwhile. After a
# failure it prints how to repeat the run, continues, and exits with 1 at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
hours=$1 seeds=$2 duration=$3 ledger=$4 planted=${5:-}
commit=$(git describe --always --dirty --exclude '*')
run=2000 # seeds of a simulation
failures=0

build=$PWD/.cache/soak
mkdir -p "$build"
go build -o "$build/umadb" ./cmd/umadb
go test -c -o "$build/store.test" ./internal/store
go test -c -o "$build/chaos.test" ./internal/sharedlog/chaos
end=$(awk "BEGIN { print int($(date +%s) + $hours * 3600) }")
if [[ ! -s $ledger ]]; then
	printf 'date\tcommit\twhat\tengine\tseed\tduration\tevents\tfaults\tresult\tlongest gap\tlongest gap while the engine could commit\tfigures\n' >"$ledger"
fi

# record adds a line to the ledger.
record() {
	local IFS=$'\t'
	printf '%s\n' "$(date -u +%Y-%m-%dT%H:%MZ)"$'\t'"$commit"$'\t'"$*" | tee -a "$ledger"
}

# value prints the value of a name in the last line of a run.
value() { grep -o " $1=[^ ]*" <<<"$line" | cut -d= -f2 || echo -; }

# failed keeps the output of a run, and prints how to repeat it.
failed() {
	failures=$((failures + 1))
	local kept=$build/failure-$(date +%s).log
	mv "$build/output" "$kept"
	printf '\nFAILED; the output is in %s\nrepeat it with: %s\n\n' "$kept" "$1"
}

random() { echo $(((RANDOM << 15 | RANDOM) + 1)); }

simulate() {
	local first number started result=passed
	first=$(random) number=$((seeds < run ? seeds : run)) started=$(date +%s)
	(cd internal/store && "$build/store.test" -test.run 'TestStoresShareALog$' -test.timeout 0 -shared-first-seed "$first" -shared-seeds "$number") >"$build/output" 2>&1 || result=FAILED
	seeds=$((seeds - number))
	record simulation fake "$first" "$(($(date +%s) - started))s" - - $result - - "seeds=$number"
	[[ $result == passed ]] || failed "go test ./internal/store -run 'TestStoresShareALog\$' -timeout 0 -args -shared-first-seed $first -shared-seeds $number"
}

chaos() {
	local engine=$1 seed line result=passed
	seed=$(random)
	rm -f "$build/line"
	(cd internal/sharedlog/chaos && "$build/chaos.test" -test.run 'TestChaos$' -test.v -test.timeout 0 -program "$build/umadb" -engine "$engine" \
		-duration "$duration" -seed "$seed" -bulk 1000 -ledger "$build/line") >"$build/output" 2>&1 || result=FAILED
	line=$(cat "$build/line" 2>/dev/null || echo)
	record chaos "$engine" "$seed" "$duration" "$(value events)" "$(value faults)" $result "$(value gap)" "$(value able_gap)" \
		"$(grep -oE ' (clients|accepted|rejected|unknown|failed|recovery)=.*' <<<"$line" | sed 's/^ //' || echo -)"
	[[ $result == passed ]] || failed "make shared-chaos ENGINE=$engine SEED=$seed DURATION=$duration"
}

if [[ $planted == planted ]]; then
	result=passed started=$(date +%s)
	go test -run TestSharedMachineFindsPlantedBugs -v -timeout 120m ./internal/store -args -plant-bugs >"$build/output" 2>&1 || result=FAILED
	record 'planted bugs' fake - "$(($(date +%s) - started))s" - - $result - - "found=$(grep -c '^    --- PASS' "$build/output" || true)"
	[[ $result == passed ]] || failed "go test -run TestSharedMachineFindsPlantedBugs -v -timeout 120m ./internal/store -args -plant-bugs"
fi
while (($(date +%s) < end)); do
	if ((seeds > 0)); then simulate; fi
	for engine in postgres etcd; do
		if (($(date +%s) < end)); then chaos $engine; fi
	done
done
if ((failures > 0)); then
	echo "$failures runs failed"
	exit 1
fi

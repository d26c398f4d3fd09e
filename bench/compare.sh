#!/usr/bin/env bash
# Compares the Go benchmarks of the working tree with those of another commit. The two builds
# take turns in every round, so that both see the same noise of the machine.
#
#   bench/compare.sh COMMIT [ROUNDS] [BENCHMARKS]
#
# BENCHMARKS is a regular expression, as for `go test -bench`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

commit=$(git rev-parse --verify "$1^{commit}")
rounds=${2:-6}
benchmarks=${3:-.}
dir=$PWD/.cache/compare
tree=$dir/tree
rm -rf "$dir"
mkdir -p "$dir"
git worktree prune
git worktree add --quiet --detach "$tree" "$commit"
trap 'git worktree remove --force "$tree"' EXIT

# build compiles the tests of each package that has benchmarks: build TREE NAME.
build() {
	local package
	(cd "$1" && git grep -l '^func Benchmark' -- '*_test.go' | xargs -n1 dirname | sort -u) | while read -r package; do
		mkdir -p "$dir/$2/$package"
		(cd "$1" && go test -c -o "$dir/$2/$package/test" "./$package")
	done
}

# run appends the results of one round to NAME.txt: run TREE NAME.
run() {
	local test
	for test in $(cd "$dir/$2" && find . -name test -type f | sort); do
		(cd "$1/${test%/test}" && "$dir/$2/$test" -test.run '^$' -test.bench "$benchmarks" -test.benchtime 0.3s >>"$dir/$2.txt")
	done
}

build "$tree" before
build "$PWD" after
for round in $(seq "$rounds"); do
	echo "round $round of $rounds" >&2
	run "$tree" before
	run "$PWD" after
done
go run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da "before=$dir/before.txt" "after=$dir/after.txt"

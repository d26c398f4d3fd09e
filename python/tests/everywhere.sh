#!/usr/bin/env bash
# Installs the wheel into an environment for each CPython from 3.10 on, and runs the
# tests there: all tests with python3, and with the other versions the tests that
# depend on the interpreter, without the released server.
#
#   everywhere.sh WHEEL CACHE [pytest options]
set -euo pipefail

wheel=$(realpath "$1")
cache=$2
shift 2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$cache"
cache=$(realpath "$cache")

# interpreters prints one interpreter for each version: python3 first, then those in
# PATH and those of pyenv.
interpreters() {
	local candidate version seen=" "
	for candidate in python3 python3.{10..15} "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/python3; do
		version=$("$candidate" -c 'import sys, sysconfig
if sys.implementation.name == "cpython" and sys.version_info >= (3, 10) and not sysconfig.get_config_var("Py_GIL_DISABLED"):
    print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
		if [[ -n $version && $seen != *" $version "* ]]; then
			seen+="$version "
			printf '%s %s\n' "$version" "$candidate"
		fi
	done
}

# install installs the wheel, and what the tests need, into an environment of an interpreter.
install() {
	"$1" -m venv "$environment"
	"$environment/bin/pip" install -q -r "$here/$2"
	"$environment/bin/pip" install -q --no-deps --force-reinstall "$wheel"
}

# run_tests runs pytest with some arguments. If RETRY is set, tests that fail run once more.
run_tests() {
	local pytest=("$environment/bin/python" -m pytest -q -o cache_dir="$environment/pytest-cache")
	"${pytest[@]}" "$@" "$here" && return
	[[ ${RETRY:-} ]] && "${pytest[@]}" --last-failed --last-failed-no-failures none "$@" "$here"
}

# test_all runs all tests with an interpreter.
test_all() {
	install "$1" requirements.txt
	UMADB_TEST_WHEEL=$wheel run_tests "${options[@]}"
}

# test_some runs the tests that depend on the interpreter.
test_some() {
	install "$1" requirements-behaviour.txt
	unset UMADB_TEST_INTEROP UMADB_TEST_RUST_SERVER
	run_tests -m "not slow and not tools" "${options[@]}"
}

# The interpreters are tested at the same time, since most tests wait for something. Each is a
# job of its own, for otherwise Python would ignore interrupts. The output of the first is shown
# as it comes, that of the others once they have ended.
set -m
trap 'for job in $(jobs -p); do kill -- "-$job"; done' EXIT
options=("$@")
cd "$cache" # so that the package is not imported from its source
versions=() jobs=()
while read -r version interpreter; do
	environment=$cache/$version
	if ((${#jobs[@]} == 0)); then
		echo "CPython $version"
		test_all "$interpreter" </dev/null &
	else
		test_some "$interpreter" </dev/null >"$environment.log" 2>&1 &
	fi
	versions+=("$version") jobs+=("$!")
done < <(interpreters)

failed=0
for i in "${!jobs[@]}"; do
	wait "${jobs[i]}" || failed=1
	if ((i > 0)); then
		echo "CPython ${versions[i]}"
		cat "${versions[i]}.log"
	fi
done
exit $failed

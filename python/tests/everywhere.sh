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

# run_tests runs pytest with some arguments. If RETRY is set, tests that fail run once more.
run_tests() {
	"$environment/bin/python" -m pytest -q "$@" && return
	[[ ${RETRY:-} ]] && "$environment/bin/python" -m pytest -q --last-failed --last-failed-no-failures none "$@"
}

first=true
while read -r version interpreter <&3; do
	environment=$cache/$version
	"$interpreter" -m venv "$environment"
	if $first; then
		"$environment/bin/pip" install -q -r "$here/requirements.txt"
	else
		"$environment/bin/pip" install -q -r "$here/requirements-behaviour.txt"
	fi
	"$environment/bin/pip" install -q --no-deps --force-reinstall "$wheel"
	echo "CPython $version"
	cd "$cache" # so that the package is not imported from its source
	if $first; then
		UMADB_TEST_WHEEL=$wheel run_tests "$@" "$here"
	else
		(
			unset UMADB_TEST_INTEROP UMADB_TEST_RUST_SERVER
			run_tests -m "not slow and not tools" "$@" "$here"
		)
	fi
	first=false
done 3< <(interpreters)

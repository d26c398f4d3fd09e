#!/bin/sh
# Builds the extension with the address and undefined behaviour sanitisers, using the
# existing Go library, and runs tests with it. Usage: sanitize.sh [pytest options]
# Environment: PYTHON, an interpreter with pytest; CC, the compiler.
set -eu
tests=$(cd "$(dirname "$0")" && pwd)
package=$(dirname "$tests")
python=${PYTHON:-python3}
cc=${CC:-gcc}
built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT

mkdir "$built/umadb"
for file in "$package"/umadb/*.py "$package"/umadb/*.so; do
	ln -s "$file" "$built/umadb/"
done
rm -f "$built"/umadb/_native*.so
include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
# shellcheck disable=SC2046 # the names have no spaces
"$cc" -O1 -g -Wall -Wextra -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fvisibility=hidden -fPIC -shared -DPy_LIMITED_API=0x030A0000 '-DUMADB_VERSION="sanitized"' -I"$include" \
	"$package"/src/*.c -ldl -lpthread -o "$built/umadb/_native.abi3.so"

# Python's allocator would hide errors of the extension from the sanitiser. Leaks are
# checked by test_leaks.py, because the interpreter does not free all its memory.
# pytest must not capture standard error, where the sanitiser reports errors.
export PYTHONPATH="$built" PYTHONMALLOC=malloc PYTHONDONTWRITEBYTECODE=1
export ASAN_OPTIONS=detect_leaks=0:handle_segv=0 UBSAN_OPTIONS=print_stacktrace=1
preload=$("$cc" -print-file-name=libasan.so)
cd "$tests"
LD_PRELOAD=$preload "$python" -m pytest -q -p no:cacheprovider --capture=sys "$@" \
	test_values.py test_events.py test_errors.py test_reading.py test_subscribing.py test_progress.py test_conditions.py test_tracking.py \
	test_threads.py test_closing.py test_forks.py test_exit.py test_aio.py test_aio_cancelling.py test_aio_loops.py

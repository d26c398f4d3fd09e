"""Python scripts that tests run in other processes."""

import contextlib
import os
import subprocess
import sys
import textwrap


def run(script, *arguments, timeout=20, status=0, silent=True, **environment):
    """Run a script and return its output. It must exit with status, and print no errors if silent."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **environment},
    )
    assert done.returncode == status, done.stdout + done.stderr
    if silent:
        assert done.stderr == ""
    return done.stdout


@contextlib.contextmanager
def running(script, *arguments):
    """Run a script in the background; yields the process, whose standard streams are text pipes."""
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()

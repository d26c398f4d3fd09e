"""Python programs that tests run in processes of their own."""

import contextlib
import os
import subprocess
import sys
import textwrap


def run(script, *arguments, timeout=20, status=0, silent=True, **environment):
    """Run a script to its end and give what it printed. It must exit with the status and no complaint."""
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
def started(script, *arguments):
    """Run a script beside the test; give the process, whose standard input and output are pipes of text."""
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()

"""Tests that PyInstaller bundles the whole package without options."""

import hashlib
import pathlib
import subprocess

import pytest
from environments import environment, python_with, wheel

pytestmark = pytest.mark.tools

PROGRAM = """
import sys
import umadb.aio
from umadb import Client, Event

with Client.open(sys.argv[1]) as client:
    client.append([Event("Bundled", b"")])
    print(next(client.read()).event.event_type, umadb.__version__)
"""


def test_bundle_in_one_file(tmp_path):
    path = pathlib.Path(wheel())
    # The hash makes pip reinstall a wheel that was rebuilt with the same name.
    package = f"umadb @ {path.as_uri()}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}"
    python = python_with("pyinstaller", ["pyinstaller==6.22.3"], ["--no-deps", package])
    tmp_path.joinpath("program.py").write_text(PROGRAM, encoding="utf-8")
    built = subprocess.run(
        [python, "-m", "PyInstaller", "--onefile", "program.py"],
        cwd=tmp_path,
        env=environment(PYINSTALLER_CONFIG_DIR=str(tmp_path / "cache")),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    done = subprocess.run(
        [tmp_path / "dist" / "program", "uma.db"],
        cwd=tmp_path,
        env=environment(TMPDIR=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Bundled 0.")

"""Tests of the errors of setup.py where the package cannot be built."""

import pathlib
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.tools

PACKAGE = pathlib.Path(__file__).parent.parent


def setup_error(directory, *args):
    """Run setup.py, which must fail, and return its error."""
    done = subprocess.run(
        [sys.executable, "setup.py", *args], cwd=directory, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def test_build_without_repository_fails(tmp_path):
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(PACKAGE / name, tmp_path)
    for args in (["--version"], ["bdist_wheel"]):
        assert setup_error(tmp_path, *args).startswith("umadb is built from its whole repository")


def test_source_distribution_fails(tmp_path):
    error = setup_error(PACKAGE, "egg_info", "--egg-base", str(tmp_path), "sdist", "--dist-dir", str(tmp_path))
    assert error.startswith("umadb has no source distribution: ")

"""Virtual environments for third-party programs, kept between test runs."""

import os
import pathlib
import shutil
import subprocess
import sys

from documents import PACKAGE, REPOSITORY, missing

CACHE = REPOSITORY / ".cache" / "python"


def python_with(name, *steps):
    """Return the Python of a virtual environment, which is recreated if steps have changed.

    Args:
        name: the name of the environment (str).
        steps: the arguments of each run of pip install (lists of str).
    """
    folder = CACHE / f"{name}-{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists() or done.read_text() != repr(steps):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        for arguments in steps:
            install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
            installed = subprocess.run(install, env=environment(), capture_output=True, text=True)
            if installed.returncode != 0:
                missing(f"cannot install {arguments[-1]}: {installed.stderr.strip()[-300:]}")
        done.write_text(repr(steps))
    return python


def environment(**more):
    """Return an environment in which programs do not see the packages of this one."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | more


def package_environment(**more):
    """Return an environment in which programs import the package under test."""
    return environment(PYTHONPATH=str(installed_package()), PYTHONDONTWRITEBYTECODE="1", **more)


def installed_package():
    """Return the directory that contains only the package under test, built in place or installed."""
    import umadb

    folder = pathlib.Path(umadb.__file__).parent.parent
    # site-packages contains other packages, which the programs must not see.
    if folder == PACKAGE:
        return folder
    alone = CACHE / "installed"
    alone.mkdir(parents=True, exist_ok=True)
    link = alone / "umadb"
    link.unlink(missing_ok=True)
    link.symlink_to(folder / "umadb")
    return alone


def wheel():
    """Return the path of the wheel under test."""
    path = os.environ.get("UMADB_TEST_WHEEL")
    if path is None:
        missing("UMADB_TEST_WHEEL does not name the wheel")
    return path

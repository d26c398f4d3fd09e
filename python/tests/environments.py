"""Virtual environments for what others made, kept between runs, and programs in them."""

import os
import pathlib
import shutil
import subprocess
import sys

from documents import PACKAGE, REPOSITORY, missing

CACHE = REPOSITORY / ".cache" / "python"


def python_with(name, *steps):
    """Give the Python of a virtual environment, which is made again if what it has changed.

    Args:
        name: of the environment (str).
        steps: the arguments of pip install, for one run of it after another (lists of str).
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
                missing(f"{arguments[-1]} cannot be installed: {installed.stderr.strip()[-300:]}")
        done.write_text(repr(steps))
    return python


def environment(**more):
    """Give the environment for programs that are to see nothing of this one's packages."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | more


def with_the_package(**more):
    """Give the environment for programs that are to see the package that is tested."""
    return environment(PYTHONPATH=str(installed_package()), PYTHONDONTWRITEBYTECODE="1", **more)


def installed_package():
    """Give the folder in which the tested package is: built in place, or installed."""
    import umadb

    folder = pathlib.Path(umadb.__file__).parent.parent
    # A folder of installed packages has more than this one; the programs are to see no other.
    if folder == PACKAGE:
        return folder
    alone = CACHE / "installed"
    alone.mkdir(parents=True, exist_ok=True)
    link = alone / "umadb"
    link.unlink(missing_ok=True)
    link.symlink_to(folder / "umadb")
    return alone


def wheel():
    """Give the path of the wheel that is tested."""
    named = os.environ.get("UMADB_TEST_WHEEL")
    if named is None:
        missing("UMADB_TEST_WHEEL does not name the wheel")
    return named

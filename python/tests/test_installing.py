"""Tests of installing the wheel with an adaptor, which depends on a package with the same name."""

import subprocess
import sys

import pytest
from environments import environment, python_with, wheel

pytestmark = pytest.mark.tools

ADAPTOR = "eventsourcing-umadb==0.4.4"
# Fails with any other package named umadb.
OURS = "import umadb, umadb.aio, eventsourcing_umadb; umadb.Client.open; print(umadb.__version__)"
ORDERS = {
    "wheel first": lambda wheel: [[wheel], [ADAPTOR]],
    "adaptor first": lambda wheel: [[ADAPTOR], [wheel]],
    "together": lambda wheel: [[wheel, ADAPTOR]],
    "adaptor upgraded": lambda wheel: [[wheel], [ADAPTOR], ["--upgrade", ADAPTOR]],
}


def run(*command):
    done = subprocess.run(command, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(python):
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    return [*pip, "install", "--quiet"], [*pip, "check"]


def uv(python):
    pip = [python_with("uv", ["uv==0.13.9"]), "-m", "uv", "--quiet", "pip"]
    # The adaptor depends on an alpha version.
    return [*pip, "install", "--prerelease=allow", "--python", python], [*pip, "check", "--python", python]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("tool", [pip, uv])
def test_adaptor_does_not_replace_the_package(tool, order, tmp_path):
    if sys.version_info < (3, 11):
        pytest.skip("the adaptor needs Python 3.11")
    steps = ORDERS[order](wheel())
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    install, check = tool(python)
    for packages in steps:
        run(*install, *packages)
    run(*check)
    assert run(python, "-c", OURS) == f"{version()}\n"


def version():
    import umadb

    return umadb.__version__

"""Tests of the released adaptors for eventsourcing with this package."""

import subprocess
import sys

import pytest
from documents import HERE, REPOSITORY, blocks
from environments import package_environment, python_with

from umadb.pytest_plugin import run_server

pytestmark = pytest.mark.tools

# Dependencies of each adaptor, which is installed without them: one of its dependencies is
# the umadb of the package index, which this package replaces.
ADAPTORS = {
    "stable": (["eventsourcing==9.5.6", "pycryptodome", "msgspec"], "eventsourcing-umadb==0.3.5", ""),
    "alpha": (
        ["eventsourcing==10.0.0a7", "pycryptodome", "msgspec", "pydantic"],
        "eventsourcing-umadb==0.4.4",
        "?uuid_type=UUID",  # as docs/python-migration.md says
    ),
}

BANK = """\
Ann has 70
Ann has 20 and Bob 50
Refused: overdraft
Too late
Ann has 0
Ann had [0, 100, 70, 20, 0]
['{0}', '{0}', 'Deposited', 'Withdrawn', 'Withdrawn', 'Deposited', 'Withdrawn']
The bank has 50
"""

TESTS_OF_RECORDERS = [
    "TestDecisions.test_append_and_read",
    "TestDecisions.test_subscribe",
    "TestAggregates.test_insert_and_select",
    "TestApplications.test_insert_select",
    "TestApplications.test_concurrent_no_conflicts",
]


@pytest.fixture(scope="module", params=ADAPTORS)
def adaptor(request):
    """The name of an adaptor, and a function that runs a program with it and the URL of a store."""
    if sys.version_info < (3, 11):
        pytest.skip("the adaptors need Python 3.11")
    dependencies, package, option = ADAPTORS[request.param]
    python = python_with(request.param, dependencies, ["--no-deps", package])

    def run(program, argument, url):
        command = [python, HERE / "adaptors" / program, argument, url + option]
        return subprocess.run(
            command,
            env=package_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return request.param, run


@pytest.fixture(params=["server", "embedded"])
def url(request, tmp_path):
    """The URL of an empty store, on a server or embedded."""
    if request.param == "embedded":
        yield f"file:{tmp_path / 'uma.db'}"
    else:
        with run_server(tmp_path / "uma.db") as url:
            yield url


def test_bank_scenario(adaptor, url):
    name, run = adaptor
    done = run("scenario.py", f"bank_{name}", url)
    assert done.returncode == 0, done.stderr
    assert done.stdout == BANK.format("Created" if name == "stable" else "Opened")


@pytest.mark.parametrize("test", TESTS_OF_RECORDERS)
def test_recorders(adaptor, url, test):
    name, run = adaptor
    if name == "alpha" and test == "TestApplications.test_insert_select":
        pytest.skip(
            "it expects a repeated append to conflict, but a retry is recognised by the UUIDs of its events"
        )
    done = run("recorders.py", test, url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Ran 1 test" in done.stderr


PAGE = REPOSITORY / "docs" / "python-migration.md"
PROGRAMS = {"stable": "accounts.py", "alpha": "accounts10.py"}


@pytest.mark.parametrize("name", ADAPTORS)
def test_examples_of_migration_page(name, tmp_path):
    if sys.version_info < (3, 11):
        pytest.skip("the adaptors need Python 3.11")
    (library, *others), package, _ = ADAPTORS[name]
    assert any(f"{package} {library}" in block.text for block in blocks(PAGE, "sh"))
    python = python_with(name, [library, *others], ["--no-deps", package])
    (block,) = [block for block in blocks(PAGE, "python") if block.name == PROGRAMS[name]]
    done = subprocess.run(
        [python, "-c", block.text], cwd=tmp_path, env=package_environment(), capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("70\n", "")

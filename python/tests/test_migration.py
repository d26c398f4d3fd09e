"""Tests of docs/python-migration.md with the Rust-powered package and with this one."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest
from documents import HERE, REPOSITORY, environment, missing, tables
from processes import reserved_port, wait_until_started

pytestmark = pytest.mark.tools

PAGE = REPOSITORY / "docs" / "python-migration.md"
ROWS = [
    [cell.strip("`") for cell in row]
    for _, header, rows in tables(PAGE)
    if header == ["in Python", "old", "now"]
    for row in rows
]


@pytest.fixture(scope="session")
def old():
    """The Python of an environment with the old package."""
    folder = REPOSITORY / ".cache" / "python" / f"rust-{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / "bin" / "python"
    if not (folder / "bin" / "umadb").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "umadb==0.7.8"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            missing(f"cannot install umadb 0.7.8: {done.stderr.strip()[-300:]}")
    return python


def old_environment():
    return {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "UMADB_UUID_TYPE")
    }


class Package:
    """One of the packages. Each evaluation has its own server and empty store."""

    def __init__(self, python, variables):
        self.python, self.environment = python, variables

    def evaluate(self, expression, folder):
        with running_server(self, folder) as url:
            done = subprocess.run(
                [self.python, HERE / "data" / "evaluate.py", url],
                cwd=folder,
                env=self.environment,
                input=expression,
                capture_output=True,
                text=True,
                timeout=30,
            )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def run(self, program, *arguments, folder):
        command = [self.python, "-c", program, *arguments]
        return subprocess.run(
            command, cwd=folder, env=self.environment, capture_output=True, text=True, timeout=30
        )


@contextlib.contextmanager
def running_server(package, folder):
    """Run a server of a package, started with run_server_from_args; yields its URL."""
    with reserved_port() as port:
        program = "import sys, umadb; umadb.run_server_from_args(['umadb', *sys.argv[1:]])"
        options = ["--listen", f"127.0.0.1:{port}", "--db-path", str(pathlib.Path(folder, "served.db"))]
        command = [package.python, "-c", program, *options]
        # Not in the current directory, where Python would find this package first.
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=package.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until_started(process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


@pytest.fixture(params=["old", "now"])
def package(request):
    if request.param == "old":
        return Package(request.getfixturevalue("old"), old_environment())
    variables = environment()
    variables.pop("UMADB_UUID_TYPE", None)
    return Package(sys.executable, variables)


@pytest.fixture
def is_old(request):
    return request.node.callspec.params["package"] == "old"


@pytest.mark.parametrize(
    "expression, old_answer, answer", ROWS, ids=[re.sub(r"[^\w.]+", "-", row[0])[:40] for row in ROWS]
)
def test_row_of_migration_page(package, is_old, expression, old_answer, answer, tmp_path):
    assert package.evaluate(expression, tmp_path) == (old_answer if is_old else answer)


def test_migration_page_has_rows():
    assert len(ROWS) > 30


def test_missing_ca_file(package, is_old, tmp_path):
    done = package.run(
        "import umadb; umadb.Client('https://127.0.0.1:1', ca_path='missing.pem')", folder=tmp_path
    )
    if is_old:
        assert done.returncode == -signal.SIGABRT
    else:
        assert done.stderr.splitlines()[-1].startswith("ValueError: ")


def test_invalid_server_argument(package, is_old, tmp_path):
    done = package.run("import umadb; umadb.run_server_from_args(['umadb', '--nope'])", folder=tmp_path)
    assert ("ServerStartError" in done.stderr) != is_old
    assert done.returncode == (2 if is_old else 1)


def test_no_server_raises_transport_error(package, is_old, tmp_path):
    start = time.monotonic()
    done = package.run("import umadb; umadb.Client('http://127.0.0.1:1')", folder=tmp_path)
    assert "TransportError" in done.stderr
    assert (time.monotonic() - start < 4) == is_old


FORK = """
import os, select, signal, sys, umadb
client = umadb.Client(sys.argv[1])
client.head()
read_end, write_end = os.pipe()
if (child := os.fork()) == 0:
    try:
        client.head()
    except RuntimeError:
        os.write(write_end, b"RuntimeError")
    os._exit(0)
ready, _, _ = select.select([read_end], [], [], 3)
print(os.read(read_end, 99).decode() if ready else "hangs")
os.kill(child, signal.SIGKILL)
"""


def test_forks(package, is_old, tmp_path):
    with running_server(package, tmp_path) as url:
        assert package.run(FORK, url, folder=tmp_path).stdout == ("hangs\n" if is_old else "RuntimeError\n")


OLD_FLAGS = [
    "--read-method",
    "--page-cache-max-pages",
    "--page-cache-max-mb",
    "--zero-fill-pages",
    "--pipelined-writer",
    "--max-blocking-threads",
]


@pytest.mark.parametrize("flag", OLD_FLAGS)
def test_flags_without_effect_are_accepted_by_both(old, flag):
    text = subprocess.run(
        [old.parent / "umadb", "--help"], env=old_environment(), capture_output=True, text=True, check=True
    ).stdout
    assert flag in text
    serve = subprocess.run(
        [sys.executable, "-m", "umadb", "serve", "--help"],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert flag in serve and f"`{flag}`" in PAGE.read_text(encoding="utf-8")


def test_files_of_released_server_are_rejected(old, tmp_path):
    package = Package(old, old_environment())
    package.evaluate("1", tmp_path)
    program = "import umadb; umadb.Client('file:served.db')"
    done = Package(sys.executable, environment()).run(program, folder=tmp_path)
    assert done.returncode == 1 and "umadb import" in done.stderr


@pytest.mark.parametrize("client_is_old", [True, False], ids=["old client", "new client"])
def test_each_client_works_with_each_server(old, client_is_old, tmp_path):
    packages = Package(old, old_environment()), Package(sys.executable, environment())
    client, server = packages if client_is_old else packages[::-1]
    program = """
import sys, umadb
client = umadb.Client(sys.argv[1])
client.append([umadb.Event('A', b'')])
print(next(client.subscribe()).position, client.head())
"""
    with running_server(server, tmp_path) as url:
        assert client.run(program, url, folder=tmp_path).stdout == "1 1\n"

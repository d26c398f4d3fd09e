"""Tests of the types: the stubs match the package, and type checkers accept all examples."""

import importlib.util
import inspect
import json
import os
import pathlib
import subprocess
import sys

import pytest
from documents import HERE, PACKAGE, REPOSITORY, blocks, missing

import umadb

pytestmark = pytest.mark.tools

DOCUMENTS = {
    "seed": HERE / "data" / "seed-python-client.md",
    "readme": PACKAGE / "README.md",
    "recipes": REPOSITORY / "docs" / "python-recipes.md",
}

# The directory that contains the package under test.
FOLDER = pathlib.Path(umadb.__file__).parent.parent

# Modules without stubs.
PRIVATE = ",".join(
    f"umadb.{name}" for name in ("_client", "_decide", "_frame", "_project", "_aio_programs", "__pyinstaller.*")
)

# A program without type errors.
VALID = """
import threading
import uuid
from pathlib import Path
from typing import Any, Literal, TypeVar
from typing_extensions import assert_type

import umadb
import umadb.aio
from umadb.codec import Codec, EventType, Msgspec

T = TypeVar("T")

client = umadb.Client("file:./uma.db", uuid_type=uuid.UUID)
assert_type(umadb.Client.open(Path("uma.db")), umadb.Client)
event = umadb.Event("a", bytearray(b"x"), ("tag",), uuid.uuid4(), {"key": "value"})
assert_type(event.uuid, str | None)
assert_type(event.tags, list[str])
assert_type(event.metadata, dict[str, str])
condition = umadb.AppendCondition(umadb.Query([umadb.QueryItem(tags=["tag"])]), after=client.head())
assert_type(client.append([event], condition, umadb.TrackingInfo("upstream", 1)), int)
response = client.read(limit=1)
assert_type([e for e in response], list[umadb.SequencedEvent])
assert_type(response.collect_with_head(), tuple[list[umadb.SequencedEvent], int | None])
assert_type(next(client.subscribe()).tracking_info, umadb.TrackingInfo | None)
assert_type(next(client.watch_health()), umadb.ServingStatus)
assert_type({event: 1, condition: 2}[event], int)
try:
    client.append((event,))
except umadb.IntegrityError as error:
    assert_type(error.conflict_position, int | None)
except umadb.TransportError as error:
    assert_type(error.appended, Literal[False] | None)
assert_type(client.count(umadb.Query(), after=client.head()), int)
assert_type(client.count_between(None, [None, client.head(), 7]), list[int])
assert_type(client.subscribe(resume=False, timeout=1).next(timeout=0.5), umadb.SequencedEvent)
subscription = client.subscribe(on_progress=lambda p: print(p.checked, p.head), on_caught_up=threading.Event().set)
assert_type(subscription.progress, umadb.SubscriptionProgress | None)
assert_type(umadb.SubscriptionProgress(1, 2).caught_up, bool)
assert_type(client.read(timeout=1).next_batch(timeout=0.5), list[umadb.SequencedEvent])
assert_type(umadb.frame(client.read(), json=["title"]).num_rows, Any)
assert_type(umadb.__version__, str)


def fold(state: set[str], sequenced: umadb.SequencedEvent) -> set[str]:
    return state | set(sequenced.event.tags)


def choose(state: set[str]) -> list[umadb.Event]:
    return [event] if state else []


class Target:
    def position(self) -> int:
        return 0

    def handle(self, batch: umadb.Batch) -> None:
        assert_type(batch.events, list[umadb.SequencedEvent])


class Upper:
    def encode(self, value: object) -> bytes:
        return repr(value).upper().encode()

    def decode(self, data: bytes, type: type[T]) -> T:
        return type()


query = umadb.Query()
assert_type(umadb.decide(client, query, fold, choose, initial=set, key="k"), int | None)
umadb.project(client, query, Target(), progress=lambda p: print(p.lag), stop=threading.Event())
umadb.project(client, None, umadb.Tracking(client, "source", lambda batch: [event]))
codec = Codec(EventType(Path, lambda path: [path.name]), EventType(Target, ["name"]), format=Upper())
Codec(format=Msgspec())
assert_type(codec.encode(Path("a")), umadb.Event)


async def main() -> None:
    async with umadb.aio.Client("file:./uma.db") as client:
        assert_type(client, umadb.aio.Client)
        assert_type(await client.append([event]), int)
        assert_type([e async for e in client.read()], list[umadb.SequencedEvent])
        assert_type(await client.read().head(), int | None)
        assert_type(await client.count(after=3), int)
        assert_type(await client.count_between(query, (0, 3)), list[int])
        assert_type(await anext(client.watch_health()), umadb.ServingStatus)
        assert_type(client.subscribe(on_caught_up=main).progress, umadb.SubscriptionProgress | None)
        assert_type(await umadb.aio.decide(client, query, fold, choose, initial=set[str]), int | None)
        await umadb.aio.project(client, query, umadb.aio.Tracking(client, "source", lambda batch: [event]))
"""

# A program with a type error in each line.
INVALID = """
import umadb
client = umadb.Client("file:./uma.db")
umadb.Event("a", "text")
umadb.Event(event_type=1, data=b"")
umadb.Event("a", b"").event_type = "b"
umadb.QueryItem(tags=[1])
umadb.AppendCondition(None)
umadb.TrackingInfo("a", "1")
client.append([umadb.Query()])
client.read(start="1")
client.count(after="1")
client.count_between([0, 1])
umadb.Client("file:./uma.db", None, None, None, str)
umadb.ReadResponse.missing
umadb.frame([umadb.Query()])
umadb.decide(client, umadb.Query(), lambda state, event: state, lambda state: [], initial=0)
umadb.decide(client, umadb.Query(), lambda state, event: state, lambda state: [1], initial=int)
umadb.project(client, None, object())
client.subscribe(on_caught_up=1)
class Mine(umadb.Event): ...
"""


def installed_tool(*names):
    """Return the first of these modules that is installed."""
    for name in names:
        if importlib.util.find_spec(name):
            return name
    missing(f"{' or '.join(names)} is not installed")


def check(*command, cwd):
    environment = {**os.environ, "NO_COLOR": "1"}
    if FOLDER == PACKAGE:  # built in place, so not on Python's path
        environment |= {"MYPYPATH": str(FOLDER), "PYTHONPATH": str(FOLDER)}
    return subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def run_mypy(folder):
    return check(
        installed_tool("mypy"),
        "--strict",
        "--no-error-summary",
        *sorted(p.name for p in folder.glob("*.py")),
        cwd=folder,
    )


def run_pyright(folder):
    settings = {
        "typeCheckingMode": "strict",
        "extraPaths": [str(FOLDER)],
        "reportMissingModuleSource": "none",
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    return check(installed_tool("pyright", "basedpyright"), "--pythonpath", sys.executable, ".", cwd=folder)


CHECKERS = pytest.mark.parametrize("checker", [run_mypy, run_pyright], ids=["mypy", "pyright"])


@CHECKERS
@pytest.mark.parametrize("document", DOCUMENTS)
def test_examples(document, checker, tmp_path):
    written = 0
    for block in blocks(DOCUMENTS[document], "python"):
        if block.text.rstrip().endswith("...") and document == "seed":
            continue  # a signature
        (tmp_path / (block.name or f"line_{block.line}.py")).write_text(block.text, encoding="utf-8")
        written += 1
    assert written
    done = checker(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@CHECKERS
def test_valid_program_passes(checker, tmp_path):
    (tmp_path / "valid.py").write_text(VALID)
    done = checker(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@CHECKERS
def test_every_wrong_line_is_reported(checker, tmp_path):
    (tmp_path / "invalid.py").write_text(INVALID)
    done = checker(tmp_path)
    for number, line in enumerate(INVALID.splitlines()[3:], 4):
        assert f"invalid.py:{number}:" in done.stdout, f"{line}\n{done.stdout}{done.stderr}"


def test_stubs_match_the_package(tmp_path):
    installed_tool("mypy")
    # The private modules have no stubs: mypy reads those in Python, but cannot read _native.
    (tmp_path / "mypy.ini").write_text("[mypy]\n[mypy-" + PRIVATE + "]\nignore_errors = True\n")
    allowed = HERE / "data" / "stubtest-allowlist.txt"
    done = check(
        "mypy.stubtest",
        "umadb",
        "--allowlist",
        allowed,
        "--mypy-config-file",
        tmp_path / "mypy.ini",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_docstrings_of_stubs_match_the_package():
    import ast

    def compare(node, parent):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.ClassDef, ast.FunctionDef)):
                member = getattr(parent, child.name)
                if (text := ast.get_docstring(child)) is not None:
                    assert text == inspect.getdoc(member), child.name
                elif inspect.isclass(member) and member.__module__ == "umadb":
                    pytest.fail(f"{child.name} is compiled and has no docstring in the stub")
                if inspect.isclass(member):
                    compare(child, member)

    compare(ast.parse((FOLDER / "umadb" / "__init__.pyi").read_text(encoding="utf-8")), umadb)


def test_hints_can_be_evaluated():
    import typing

    for method in ("__init__", "append", "read", "subscribe", "head"):
        assert typing.get_type_hints(getattr(umadb.Client, method))


def test_typing_extensions_is_not_imported_at_run_time():
    program = "import sys; sys.modules['typing_extensions'] = None; import umadb, umadb.aio"
    subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(FOLDER)}, check=True)

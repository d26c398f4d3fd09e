"""Tests of the signatures, tables and sentences of the user's document."""

import ast
import inspect
import uuid

import pytest
from documents import HERE, PACKAGE, blocks, tables

import umadb
from umadb.pytest_plugin import run_server

SEED = HERE / "data" / "seed-python-client.md"

# The other blocks are programs, tested by test_seed.py.
CLIENT, _, APPEND, _, READ, _, HEAD, TRACKING, _, _ = (block.text for block in blocks(SEED, "python"))

# Signatures.


# Parameters that the document lacks, keyword-only except self.
ADDITIONAL = ("self", "timeout", "uuid_type", "client_cert", "client_key")


def documented_signature(text):
    """Return the signature in a block without self, which the document omits from some."""
    text = text.replace("class Client(", "def Client(")
    scope = {}
    exec("from __future__ import annotations\n" + text, scope)
    (function,) = [value for value in scope.values() if inspect.isfunction(value)]
    signature = inspect.signature(function)
    return [p for p in signature.parameters.values() if p.name != "self"], signature.return_annotation


@pytest.mark.parametrize(
    "text, method",
    [
        (APPEND, umadb.Client.append),
        (READ, umadb.Client.read),
        (HEAD, umadb.Client.head),
        (TRACKING, umadb.Client.get_tracking_info),
    ],
)
def test_signatures_of_methods(text, method):
    parameters, returns = documented_signature(text)
    signature = inspect.signature(method)
    assert [p for p in signature.parameters.values() if p.name not in ADDITIONAL] == parameters
    assert all(p.kind == p.KEYWORD_ONLY for p in signature.parameters.values() if p.name in ADDITIONAL[1:])
    assert signature.return_annotation == returns


def test_signature_of_the_client():
    parameters, _ = documented_signature(CLIENT)
    *parameters_before, uuid_type, cert, key = inspect.signature(umadb.Client).parameters.values()
    assert parameters_before == parameters
    for parameter, name in ((uuid_type, "uuid_type"), (cert, "client_cert"), (key, "client_key")):
        assert (parameter.name, parameter.kind, parameter.default) == (
            name,
            inspect.Parameter.KEYWORD_ONLY,
            None,
        )


# Tables of fields.

QUERY = umadb.Query(items=[umadb.QueryItem(types=["example"], tags=["tag1"])])
INSTANCES = {
    "Event": umadb.Event("example", b"data", ["tag1"], str(uuid.uuid4())),
    "Append Condition": umadb.AppendCondition(QUERY, 1),
    "Tracking Info": umadb.TrackingInfo("upstream", 1),
    "Query": QUERY,
    "Query Item": QUERY.items[0],
    "Sequenced Event": umadb.SequencedEvent(1, umadb.Event("example", b"")),
}
FIELDS = {
    heading: [
        (name.strip("`"), kind.strip("`").replace("\\|", " | ").replace("<", "[").replace(">", "]"))
        for name, kind, _ in rows
    ]
    for heading, header, rows in tables(SEED)
    if header[0] == "Field"
}


def stub_types():
    """Return the types of the properties in the stub as {class: {property: type}}."""
    tree = ast.parse((PACKAGE / "umadb" / "__init__.pyi").read_text(encoding="utf-8"))
    return {
        c.name: {
            f.name: ast.unparse(f.returns) for f in c.body if isinstance(f, ast.FunctionDef) and f.returns
        }
        for c in tree.body
        if isinstance(c, ast.ClassDef)
    }


def test_every_table_of_fields_has_a_class():
    assert set(FIELDS) == set(INSTANCES)


@pytest.mark.parametrize("heading", FIELDS)
def test_fields_have_the_documented_types(heading):
    instance = INSTANCES[heading]
    declared = stub_types()[type(instance).__name__]
    for name, kind in FIELDS[heading]:
        assert declared[name] == kind
        value = getattr(instance, name)
        if kind.startswith("list["):
            assert type(value) is list and value
            value, kind = value[0], kind[5:-1]
        assert type(value).__name__ == kind.removesuffix(" | None")


def test_optional_fields_may_be_none():
    assert umadb.Event("example", b"").uuid is None
    assert umadb.AppendCondition(QUERY).after is None


# Tables of parameters: the names and their order are those of the signatures.


def test_tables_of_parameters_name_the_parameters():
    functions = [umadb.Client, umadb.Client.append, umadb.Client.read, umadb.Client.get_tracking_info]
    documented = [rows for _, header, rows in tables(SEED) if header[0] == "Name"]
    for function, rows in zip(functions, documented, strict=True):
        parameters = {n: p for n, p in inspect.signature(function).parameters.items() if n not in ADDITIONAL}
        assert [row[0].strip("`") for row in rows] == list(parameters)
        assert [row[1].strip("`").replace("\\|", " | ") for row in rows] == [
            p.annotation for p in parameters.values()
        ]


# Sentences of the document.


@pytest.fixture
def client(tmp_path):
    with run_server(tmp_path / "uma.db") as url, umadb.Client(url) as client:
        yield client


def positions(events):
    return [event.position for event in events]


def test_the_server_does_not_enforce_uniqueness_of_event_ids(client):
    event = umadb.Event("example", b"", uuid=str(uuid.uuid4()))
    assert [client.append([event]), client.append([event])] == [1, 2]


def test_events_are_written_in_order_and_atomically(client):
    events = [umadb.Event("example", bytes([n]), ["tag1"]) for n in range(3)]
    assert client.append(events) == 3
    assert [e.event for e in client.read()] == events
    with pytest.raises(umadb.IntegrityError):
        client.append(events, umadb.AppendCondition(QUERY))
    assert client.head() == 3


def test_reading_from_a_position_includes_it(client):
    client.append([umadb.Event("example", b"")] * 4)
    assert positions(client.read(start=3)) == [3, 4]
    assert positions(client.read(start=3, backwards=True)) == [3, 2, 1]
    assert positions(client.read(backwards=True, limit=2)) == [4, 3]
    assert positions(client.read(start=2, limit=2, subscribe=True)) == [2, 3]


def test_a_query_selects_by_any_item_and_an_item_by_one_type_and_all_tags(client):
    client.append(
        [umadb.Event("a", b"", ["x"]), umadb.Event("b", b"", ["x", "y"]), umadb.Event("c", b"", ["y"])]
    )

    def select(*items):
        return positions(client.read(umadb.Query([umadb.QueryItem(types, tags) for types, tags in items])))

    assert select() == [1, 2, 3]
    assert select(([], [])) == [1, 2, 3]
    assert select((["a", "c"], [])) == [1, 3]
    assert select(([], ["x", "y"])) == [2]
    assert select((["c"], []), (["a"], ["x"])) == [1, 3]
    assert select((["a"], ["y"])) == []


def test_head_and_tracking_are_none_before_anything_is_recorded(client):
    assert client.head() is None
    assert client.get_tracking_info("upstream") is None


def test_errors_are_of_the_documented_classes(tmp_path, client):
    with pytest.raises(umadb.IntegrityError):
        client.append([umadb.Event("example", b"")])
        client.append([], umadb.AppendCondition(umadb.Query()))
    with pytest.raises(umadb.TransportError):
        umadb.Client("http://localhost:1")
    with pytest.raises(ValueError):
        client.append([umadb.Event("example", b"", uuid="no UUID")])
    with pytest.raises(OSError):
        umadb.Client(f"file:{tmp_path / 'uma.db'}")  # the server has it open
    with pytest.raises(RuntimeError):
        client.close()
        client.head()

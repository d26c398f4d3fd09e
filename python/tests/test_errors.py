"""Tests of errors: their classes and messages."""

import gc
import pickle
import weakref

import pytest
from stores import events, tagged

import umadb
from umadb import AppendCondition, Client, Event, IntegrityError, Query, QueryItem, TransportError
from umadb.pytest_plugin import run_server

BASES = {
    "IntegrityError": ValueError,
    "TransportError": RuntimeError,
    "TimeoutExpired": umadb.TransportError,
    "AuthenticationError": PermissionError,
    "CorruptionError": RuntimeError,
    "CancelledByUserError": Exception,
    "ServerStartError": RuntimeError,
}


@pytest.mark.parametrize("name", BASES)
def test_exception_classes(name):
    error = getattr(umadb, name)
    assert error.__base__ is BASES[name]
    assert error.__module__ == "umadb"
    assert error.__doc__
    again = pickle.loads(pickle.dumps(error("text")))
    assert (type(again), again.args) == (error, ("text",))


def test_failed_condition(client):
    client.append(events(1, "a"))
    with pytest.raises(IntegrityError, match="^integrity error: ") as caught:
        client.append(events(1), AppendCondition(tagged("a")))
    assert caught.value.conflict_position in (1, None)


@pytest.mark.better
def test_message_contains_query_and_position_but_no_data(client):
    client.append([Event("t", b"confidential", ["of interest"])])
    with pytest.raises(IntegrityError) as caught:
        client.append([Event("t", b"confidential")], AppendCondition(tagged("of interest")))
    text = str(caught.value)
    assert "of interest" in text
    assert "1" in text
    assert "confidential" not in text


@pytest.mark.better
def test_message_is_short_and_printable(client):
    long = "\x01\U0010ffff\n" * 200
    client.append([Event("t", b"", [long])])
    query = Query([QueryItem(tags=[long])] * 100)
    with pytest.raises(IntegrityError) as caught:
        client.append([], AppendCondition(query))
    assert len(str(caught.value).encode()) <= 1024
    assert str(caught.value).isprintable()
    with pytest.raises(ValueError) as caught:
        client.append([Event("t", b"", uuid=long)])
    assert len(str(caught.value).encode()) <= 1024
    assert str(caught.value).isprintable()


@pytest.mark.better
def test_failed_stream_raises_again(client):
    response = client.read(Query([QueryItem(["x"] * 65537)]))
    for call in (
        lambda: next(response),
        response.next_batch,
        response.head,
        response.collect_with_head,
        lambda: list(response),
    ):
        with pytest.raises(ValueError, match="^invalid argument: "):
            call()


@pytest.mark.better
def test_failed_stream_is_freed(client):
    class Marker:
        pass

    def fail():
        marker = Marker()
        response = client.read(Query([QueryItem(["x"] * 65537)]))
        try:
            next(response)
        except ValueError:
            pass
        return weakref.ref(marker)

    kept = fail()
    gc.collect()
    assert kept() is None


@pytest.mark.better
def test_client_works_after_an_error(client):
    for n in range(20):
        with pytest.raises(ValueError):
            client.append([Event("t", b"", uuid="none")])
        with pytest.raises(ValueError):
            list(client.read(Query([QueryItem(["x"] * 65537)])))
        assert client.append(events(1)) == n + 1


def test_server_killed(tmp_path):
    with run_server(tmp_path / "s") as url:
        client = Client(url)
        client.append(events(1))
    with pytest.raises(TransportError):
        client.append(events(1))
    client.close()


def test_corrupt_store(tmp_path):
    with Client.open(tmp_path / "s") as client:
        client.append([Event("t", b"x" * 1000) for _ in range(100)])
    files = [f for f in (tmp_path / "s").rglob("*") if f.is_file() and f.stat().st_size > 50_000]
    assert files
    for file in files:
        content = bytearray(file.read_bytes())
        for at in range(1000, 50_000, 1000):
            content[at] ^= 0xFF
        file.write_bytes(content)
    with pytest.raises((umadb.CorruptionError, OSError)) as caught:
        with Client.open(tmp_path / "s") as client:
            list(client.read())
    assert str(caught.value).startswith("corruption detected: ")

"""Tests of what events may contain, and of limits."""

import copy
import pickle
import uuid

import pytest

from umadb import Client, Event, Query, QueryItem, TrackingInfo

HEX = "0123456789abcdef0123456789abcdef"
PLAIN = "01234567-89ab-cdef-0123-456789abcdef"


def test_events_are_read_as_appended(client):
    appended = [
        Event("", b""),
        Event("Type", b"\x00\xff\n", ["b", "a", "b", "", ""], uuid.uuid4(), {"z": "1", "a": "2", "": ""}),
        Event(
            "Größe \U0001f600\0",
            "日本".encode(),
            ["日本", "a\0b", "\n", " "],
            None,
            {"schlüssel\0": "wert\U0001f600"},
        ),
        Event("Type", bytes(range(256)) * 4),
        Event("Type", bytes(1 << 20), ["large"]),
    ]
    assert client.append(appended) == len(appended)
    stored = [s.event for s in client.read()]
    assert stored == appended
    for a, b in zip(stored, appended, strict=True):
        assert (a.event_type, a.data, a.tags, a.uuid, a.metadata) == (
            b.event_type,
            b.data,
            b.tags,
            b.uuid,
            b.metadata,
        )
        assert list(a.metadata) == list(b.metadata)
        assert repr(a) == repr(b)


def test_a_type_and_tags_may_be_long(client):
    appended = Event("t" * 50_000, b"", ["g" * 50_000, "g" * 50_001])
    client.append([appended])
    assert [s.event for s in client.read(Query([QueryItem([appended.event_type], appended.tags)]))] == [
        appended
    ]


def test_many_tags_and_metadata(client):
    appended = Event(
        "t", b"", [f"tag:{n}" for n in range(2000)], None, {f"key{n}": str(n) for n in range(2000)}
    )
    client.append([appended])
    (stored,) = client.read(Query([QueryItem(tags=["tag:7", "tag:1999"])]))
    assert stored.event == appended
    assert list(stored.event.metadata) == list(appended.metadata)


@pytest.mark.parametrize(
    "form",
    [PLAIN, HEX, "urn:uuid:" + PLAIN, "{" + PLAIN + "}", PLAIN.upper(), HEX.upper(), uuid.UUID(HEX)],
    ids=str,
)
def test_uuid_of_any_form_is_read_in_canonical_form(client, form):
    client.append([Event("t", b"", uuid=form)])
    (stored,) = client.read()
    assert stored.event.uuid == PLAIN
    assert type(stored.event.uuid) is str


def test_missing_uuid_is_read_as_none(client):
    client.append([Event("t", b""), Event("t", b"", uuid=None), Event("t", b"", uuid="")])
    assert [s.event.uuid for s in client.read()] == [None] * 3


@pytest.mark.better
@pytest.mark.parametrize(
    "text",
    [
        "none",
        PLAIN[:-1],
        PLAIN + "0",
        PLAIN.replace("a", "g"),
        " " + PLAIN,
        HEX[:-1],
        "{" + HEX,
        PLAIN.replace("-", "_"),
    ],
)
def test_other_text_is_rejected_as_uuid(client, text):
    with pytest.raises(ValueError, match="^invalid argument: "):
        client.append([Event("t", b""), Event("t", b"", uuid=text)])
    assert client.head() is None


def test_uuid_may_be_repeated(client):
    client.append([Event("t", b"", uuid=PLAIN)] * 2)
    assert [s.event.uuid for s in client.read()] == [PLAIN] * 2


def test_uuid_type(store, monkeypatch):
    def uuid_of(**options):
        with store.connect(**options) as client:
            client.append([Event("t", b"", uuid=PLAIN), Event("t", b"")])
            first, second, *_ = (s.event for s in client.read())
            assert second.uuid is None
            assert next(client.subscribe()).event.uuid == first.uuid
            assert first == Event("t", b"", uuid=PLAIN)
            for other in (copy.copy(first), copy.deepcopy(first), pickle.loads(pickle.dumps(first))):
                assert (other, other.uuid) == (first, first.uuid)
            return first.uuid

    for options in ({}, {"uuid_type": None}, {"uuid_type": str}):
        assert uuid_of(**options) == PLAIN
    assert uuid_of(uuid_type=uuid.UUID) == uuid.UUID(PLAIN)
    monkeypatch.setenv("UMADB_UUID_TYPE", "UUID")
    assert uuid_of() == uuid.UUID(PLAIN)
    assert uuid_of(uuid_type=str) == PLAIN
    monkeypatch.setenv("UMADB_UUID_TYPE", "str")
    assert uuid_of() == PLAIN
    monkeypatch.setenv("UMADB_UUID_TYPE", "int")
    with pytest.raises(ValueError, match="UMADB_UUID_TYPE"):
        store.connect()
    with pytest.raises(ValueError, match="uuid_type"):
        store.connect(uuid_type=int)


def test_uuid_type_in_the_url(store, monkeypatch):
    def uuid_of(option, **options):
        with Client(store.url + option, **options) as client:
            return client.read().next_batch()[0].event.uuid

    with store.connect() as client:
        client.append([Event("t", b"", uuid=PLAIN)])
    assert uuid_of("?uuid_type=UUID") == uuid.UUID(PLAIN)
    assert uuid_of("?uuid_type=UUID", uuid_type=str) == PLAIN
    monkeypatch.setenv("UMADB_UUID_TYPE", "UUID")
    assert uuid_of("?uuid_type=str") == PLAIN
    for option in ("?uuid_type=", "?uuid_type=uuid"):
        with pytest.raises(ValueError, match="uuid_type in the URL is '.*': it must be str or UUID"):
            Client(store.url + option)


# Limits


@pytest.mark.parametrize(
    "wrong",
    [
        Event("t", bytes(4 << 20)),
        Event("t", b"", ["x"] * 65536),
        Event("t", b"", metadata={"k" * 65536: ""}),
        Event("t", b"", metadata={"k": "v" * 65536}),
    ],
    ids=["data", "tags", "key", "value"],
)
@pytest.mark.better
def test_event_over_a_limit_is_rejected(client, wrong):
    with pytest.raises(ValueError, match="^invalid argument: "):
        client.append([wrong])
    assert client.append([Event("t", b"")]) == 1


def test_largest_event_is_read_as_appended(client):
    data = bytes((4 << 20) - (64 << 10) - 100)
    client.append([Event("t", data)])
    (stored,) = client.read()
    assert stored.event.data == data


def test_65535_tags_are_accepted(client):
    tags = ["x"] * 65535
    client.append([Event("t", b"", tags)])
    (stored,) = client.read()
    assert stored.event.tags == tags


def test_metadata_of_65535_bytes_is_accepted(client):
    metadata = {"k" * 65535: "v" * 65535}
    client.append([Event("t", b"", metadata=metadata)])
    (stored,) = client.read()
    assert stored.event.metadata == metadata


def test_65536_events_are_accepted(client):
    assert client.append([Event("t", b"")] * 65536) == 65536


@pytest.mark.better
def test_more_events_are_rejected(client):
    with pytest.raises(ValueError, match="^invalid argument: .*65536"):
        client.append([Event("t", b"")] * 65537)


@pytest.mark.better
def test_next_request_succeeds_after_one_far_over_the_limit(client):
    with pytest.raises((ValueError, RuntimeError)):
        client.append([Event("t", bytes(3 << 20))] * 20)
    assert client.append([Event("t", b"")]) == 1


@pytest.mark.better
def test_more_query_terms_are_rejected(client):
    assert list(client.read(Query([QueryItem(["x"] * 65536)]))) == []
    response = client.read(Query([QueryItem(["x"] * 65537)]))
    for _ in range(2):
        with pytest.raises(ValueError, match="^invalid argument: "):
            next(response)


@pytest.mark.better
def test_longer_source_is_rejected(client):
    with pytest.raises(ValueError, match="^invalid argument: "):
        client.append([], tracking_info=TrackingInfo("s" * 256, 1))
    with pytest.raises(ValueError, match="^invalid argument: "):
        client.get_tracking_info("s" * 256)

"""Tests of when events were recorded, and of positions at a time."""

import asyncio
import copy
import datetime
import pickle
import struct

import pytest
from servers import fake_server, field
from stores import events, positions
from test_answers import UNREADABLE, response, sequenced

import umadb.aio
from umadb import Client, Event, SequencedEvent, TransportError

EVENT = Event("t", b"d")
MICROSECOND = datetime.timedelta(microseconds=1)
UTC = datetime.timezone.utc


def now():
    return datetime.datetime.now(UTC)


@pytest.mark.better
def test_events_tell_when_they_were_recorded(client):
    before = now()
    client.append(events(2))
    client.append(events(1))
    after = now()
    for stored in (list(client.read()), list(client.read(subscribe=True, limit=3))):
        times = [event.recorded_at for event in stored]
        assert all(time.tzinfo is UTC for time in times)
        assert before - MICROSECOND < times[0] == times[1] <= times[2] <= after
    assert [next(client.subscribe(after=2)).recorded_at] == times[2:]
    assert [event.recorded_at for event in client.read(backwards=True)] == times[::-1]


@pytest.mark.better
def test_position_at(client):
    assert client.position_at(now()) is None
    client.append(events(2))
    client.append(events(1))
    first, _, last = (event.recorded_at for event in client.read())
    assert client.position_at(first - MICROSECOND) is None
    assert client.position_at(last) == client.position_at(last + MICROSECOND) == 3
    assert client.position_at(first) == (3 if last == first else 2)
    elsewhere = datetime.timezone(datetime.timedelta(hours=-5))
    assert client.position_at(last.astimezone(elsewhere), timeout=10) == 3


@pytest.mark.better
def test_position_at_the_ends_of_time(client):
    client.append(events(1))
    for year, position in {1: None, 1600: None, 1970: None, 2263: 1, 9999: 1}.items():
        assert client.position_at(datetime.datetime(year, 1, 1, tzinfo=UTC)) == position


@pytest.mark.better
def test_events_since_a_time(client):
    client.append(events(2))
    since = max(now(), client.read(backwards=True).next().recorded_at + MICROSECOND)
    while now() <= since:
        pass
    client.append(events(2))
    assert positions(client.read(start=client.position_at(since - MICROSECOND) + 1)) == [3, 4]


def test_a_server_without_recorded_times(store, client):
    if store.kind != "rust":
        pytest.skip("the others keep them")
    client.append(events(1))
    assert [event.recorded_at for event in client.read()] == [None]
    assert next(client.subscribe()).recorded_at is None
    with pytest.raises(TransportError, match="does not keep recorded times"):
        client.position_at(now())


@pytest.mark.parametrize(
    ("t", "error", "text"),
    [
        (datetime.datetime(2026, 11, 26), ValueError, "t has no time zone: use an aware datetime"),
        (datetime.date(2026, 11, 26), TypeError, "t must be a datetime.datetime, not "),
        (1764165600.0, TypeError, "t must be a datetime.datetime, not "),
        (None, TypeError, "t must be a datetime.datetime, not "),
    ],
    ids=str,
)
def test_invalid_times(t, error, text):
    async def call():
        async with umadb.aio.Client("memory:") as client:
            await client.position_at(t)

    with Client("memory:") as client, pytest.raises(error, match=text):
        client.position_at(t)
    with pytest.raises(error, match=text):
        asyncio.run(call())
    if t is not None:
        with pytest.raises(error, match=text.replace("t ", "recorded_at ", 1)):
            SequencedEvent(1, EVENT, recorded_at=t)


def test_asyncio():
    async def call():
        async with umadb.aio.Client("memory:") as client:
            assert await client.position_at(now()) is None
            await client.append([EVENT])
            [event] = [event async for event in client.read()]
            assert await client.position_at(event.recorded_at) == 1
            assert await client.position_at(event.recorded_at - MICROSECOND) is None

    asyncio.run(call())


def test_values_without_a_time():
    assert SequencedEvent(1, EVENT).recorded_at is None
    assert SequencedEvent(1, EVENT, None, None).recorded_at is None
    assert pickle.dumps(SequencedEvent(1, EVENT)) == pickle.dumps(SequencedEvent(1, EVENT, recorded_at=None))


def test_a_time_does_not_identify_an_event():
    plain, timed = SequencedEvent(1, EVENT), SequencedEvent(1, EVENT, recorded_at=now())
    assert (plain, hash(plain), repr(plain)) == (timed, hash(timed), repr(timed))


@pytest.mark.parametrize(
    "time",
    [
        datetime.datetime(2026, 11, 26, 14, 0, 0, 123456, UTC),
        datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
        datetime.datetime(1678, 1, 1, tzinfo=UTC),
        datetime.datetime(2261, 12, 31, 23, 59, 59, 999999, UTC),
        datetime.datetime(2026, 11, 26, 14, tzinfo=datetime.timezone(datetime.timedelta(hours=5, minutes=30))),
    ],
    ids=str,
)
def test_copies_keep_the_time(time):
    event = SequencedEvent(1, EVENT, recorded_at=time)
    for other in (event, copy.copy(event), copy.deepcopy(event), pickle.loads(pickle.dumps(event))):
        assert other.recorded_at == time
        assert other.recorded_at.tzinfo is UTC


@pytest.mark.parametrize("year", [1, 1676, 2263, 9999])
def test_times_that_cannot_be_kept(year):
    with pytest.raises(ValueError, match="^recorded_at must be a time from 1678 to 2261$"):
        SequencedEvent(1, EVENT, recorded_at=datetime.datetime(year, 1, 1, tzinfo=UTC))


def times_of(*nanoseconds):
    return field(100, struct.pack(f"<{len(nanoseconds)}q", *nanoseconds))


@pytest.mark.parametrize(
    ("nanoseconds", "expected"),
    [
        ((0, 1999), [datetime.datetime(1970, 1, 1, tzinfo=UTC), datetime.datetime(1970, 1, 1, 0, 0, 0, 1, UTC)]),
        ((-1, -1001), [datetime.datetime(1969, 12, 31, 23, 59, 59, 999999 - n, UTC) for n in (0, 1)]),
        (
            (2**63 - 1, 1 - 2**63),
            [
                datetime.datetime(2262, 4, 11, 23, 47, 16, 854775, UTC),
                datetime.datetime(1677, 9, 21, 0, 12, 43, 145224, UTC),
            ],
        ),
        ((5000,), [datetime.datetime(1970, 1, 1, 0, 0, 0, 5, UTC), None]),
        ((), [None, None]),
    ],
    ids=str,
)
def test_answers_with_times(nanoseconds, expected):
    message = response(sequenced(7), sequenced(8)) + times_of(*nanoseconds)
    with fake_server(message) as url, Client(url) as client:
        assert [event.recorded_at for event in client.read()] == expected
        assert [event.recorded_at for event in client.read().next_batch()] == expected
        assert client.read().next().recorded_at == expected[0]


def test_answer_with_half_a_time_is_refused():
    with fake_server(response(sequenced()) + field(100, b"1234567")) as url, Client(url) as client:
        with pytest.raises(TransportError, match=UNREADABLE):
            list(client.read())

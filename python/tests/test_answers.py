"""Tests with valid and invalid messages of a server: reads return valid values or raise."""

import asyncio
import random

import pytest
from servers import fake_server, field

import umadb.aio
from umadb import Client, Event, TransportError

UNREADABLE = "^transport error: the server's answer cannot be read"


def event():
    parts = {1: "Enrolled", 2: "course:1", 3: b"data", 4: "11111111-2222-3333-4444-555555555555"}
    return b"".join(field(number, content) for number, content in parts.items()) + field(
        5, field(1, "key") + field(2, "value")
    )


def sequenced(position=7, stored=None, tracking=None):
    return (
        field(1, position)
        + field(2, event() if stored is None else stored)
        + field(3, field(1, "up") + field(2, 3) if tracking is None else tracking)
    )


def response(*stored):
    return b"".join(field(1, s) for s in stored) + field(2, 9)


VALID = response(sequenced())

# A stray byte, an overlong form, half a surrogate pair, beyond Unicode, truncated.
INVALID_UTF8 = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"]
INVALID = {
    "truncated message": VALID[:-1],
    "unterminated varint": VALID + b"\x80",
    "length beyond the end": b"\x0a\x64" + VALID,
    "event is not a message": response(sequenced(stored=b"\x12")),
    "ten-byte length": response(sequenced(stored=b"\x0a" + b"\xff" * 9 + b"\x01")),
    "no event": response(field(1, 7)),
    "no position": response(field(2, event())),
    "position 0": response(sequenced(0)),
    "position is text": response(field(1, "7") + field(2, event())),
    "event is a number": response(field(1, 7) + field(2, 5)),
    "type is a number": response(sequenced(stored=field(1, 5))),
    "metadata is not a message": response(sequenced(stored=event() + field(5, b"\xff"))),
    "metadata key is a number": response(sequenced(stored=field(5, field(1, 1)))),
    "tracking is not a message": response(sequenced(tracking=b"\x0a\x05up")),
    "head is text": field(2, "9"),
    **{f"type is {text!r}": response(sequenced(stored=field(1, text))) for text in INVALID_UTF8},
    **{
        f"{name} is not UTF-8": response(sequenced(stored=content))
        for name, content in {
            "tag": field(2, b"\xff"),
            "UUID": field(4, b"\xff"),
            "key": field(5, field(1, b"\xff")),
            "value": field(5, field(2, b"\xff")),
        }.items()
    },
    "source is not UTF-8": response(sequenced(tracking=field(1, b"\xff"))),
}


def test_valid_message_is_decoded():
    text = "\0\x7f\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff"
    with fake_server(response(sequenced(), sequenced(8, field(1, text) + field(99, "unknown")))) as url:
        (first, second), head = Client(url).read().collect_with_head()
    assert (first.position, first.event.event_type, first.event.tags, first.event.data) == (
        7,
        "Enrolled",
        ["course:1"],
        b"data",
    )
    assert (first.event.metadata, first.tracking_info.source, head) == ({"key": "value"}, "up", 9)
    assert second.event.event_type == text


def test_fields_may_be_in_any_order():
    with fake_server(response(field(2, field(4, "u") + field(2, "tag") + field(1, "type")) + field(1, 3))) as url:
        (only,) = Client(url).read()
    assert (only.position, only.event.event_type, only.event.tags, only.event.uuid) == (3, "type", ["tag"], "u")


@pytest.mark.parametrize("message", INVALID.values(), ids=list(INVALID))
def test_invalid_message_raises(message):
    with fake_server(message) as url, Client(url) as client:
        response = client.read()
        for _ in range(2):  # the second call fails too
            with pytest.raises(TransportError, match=UNREADABLE):
                next(response)
            with pytest.raises(TransportError, match=UNREADABLE):
                response.next_batch()
        with pytest.raises(TransportError, match=UNREADABLE):
            client.read().head()


@pytest.mark.parametrize("message", INVALID.values(), ids=list(INVALID))
def test_invalid_message_of_subscription_raises(message):
    with fake_server(message.removesuffix(field(2, 9))) as url, Client(url) as client:
        for response in (client.subscribe(resume=False), client.read(subscribe=True)):
            for _ in range(2):
                with pytest.raises(TransportError, match=UNREADABLE):
                    next(response)


def test_invalid_message_raises_with_asyncio():
    async def main():
        with fake_server(INVALID["no event"]) as url:
            async with umadb.aio.Client(url) as client:
                for _ in range(2):
                    with pytest.raises(TransportError, match=UNREADABLE):
                        await client.read().next_batch()

    asyncio.run(main())


def test_altered_message_is_rejected_or_decodable():
    changes = random.Random(12)
    rejected = 0
    for _ in range(150):
        message = bytearray(response(sequenced(), sequenced(8)))
        for _ in range(changes.randint(1, 3)):
            message[changes.randrange(len(message))] = changes.randrange(256)
        with fake_server(bytes(message)) as url, Client(url) as client:
            try:
                stored = list(client.read())
            except TransportError:
                rejected += 1
            else:
                # Every value can be decoded, and every event has a position.
                repr(stored)
                assert all(s.position > 0 for s in stored)
    assert rejected > 20


COMMANDS = "\x1b]0;title\x07\x1b[2J\x9b31m\u202e\x00"


@pytest.mark.parametrize("status", [2, 3, 9, 13, 16])
def test_control_characters_of_a_server_are_escaped(status):
    with fake_server(status=status, text=COMMANDS) as url, Client(url) as client:
        for call in (client.head, lambda: client.append([Event("A", b"")]), lambda: next(client.read())):
            with pytest.raises(Exception) as caught:
                call()
            assert str(caught.value).isprintable()
            assert r"\x1b]0;title\a\x1b[2J" in str(caught.value)

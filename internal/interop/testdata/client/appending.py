"""Checks of appending: positions, and that events are returned as they were sent."""

import threading
import uuid

from umadb import Event

from checks import better, check, equal, event, fresh, positions, raises, tagged


@check
def append_returns_the_position_of_the_last_event(server):
    client, tag = server.client(), fresh()
    before = client.head() or 0
    equal(client.append([event(tag)]), before + 1)
    equal(client.append([event(tag), event(tag), event(tag)]), before + 4)
    equal(client.head(), before + 4)
    equal(positions(client.read(tagged(tag))), list(range(before + 1, before + 5)))


@check
def an_event_is_returned_as_it_was_sent(server):
    client, tag = server.client(), fresh()
    sent = Event(
        "Größe geändert ✓",
        bytes(range(256)),
        [tag, "b", "a", "b"],
        uuid=uuid.uuid4(),
        metadata={"z": "1", "a": "zwei", "": ""},
    )
    client.append([sent])
    (got,) = client.read(tagged(tag))
    equal(got.event.event_type, sent.event_type)
    equal(got.event.data, sent.data)
    equal(got.event.tags, [tag, "b", "a", "b"])
    equal(got.event.uuid, sent.uuid)
    equal(got.event.metadata, {"z": "1", "a": "zwei", "": ""})
    equal(got.tracking_info, None)


@check
def type_tag_and_data_may_be_empty(server):
    client = server.client()
    position = client.append([Event("", b"", [""])])
    (got,) = client.read(start=position)
    equal((got.event.event_type, got.event.data, got.event.tags), ("", b"", [""]))
    equal((got.event.uuid, got.event.metadata), (None, {}))


@check
def a_large_event_is_returned(server):
    client, tag = server.client(), fresh()
    data = bytes(3 << 20)
    client.append([Event("Large", data, [tag])])
    (got,) = client.read(tagged(tag))
    equal(len(got.event.data), len(data))


@better
def many_large_events_fit_a_default_client(server):
    client, tag = server.client(), fresh()
    for _ in range(4):
        client.append([Event("Large", bytes(3 << 20), [tag])])
    equal(len(list(client.read(tagged(tag)))), 4)


@better
def an_event_over_the_limit_is_refused(server):
    client = server.client()
    before = client.head()
    with raises(ValueError, begins="invalid argument: "):
        client.append([Event("Large", bytes(4 << 20), [])])
    with raises(ValueError, begins="invalid argument: "):
        client.append([Event("Enrolled", b"", [], metadata={"key": "x" * 65_536})])
    equal(client.head(), before)


@better
def a_message_over_the_transport_limit_is_refused(server):
    client = server.client()
    before = client.head()
    try:  # the released client has no exception type for this
        client.append([Event("Large", bytes(3 << 20), []) for _ in range(8)])
    except Exception as error:
        assert "over the limit of" in str(error), str(error)
    else:
        raise AssertionError("24 MiB were accepted")
    equal(client.head(), before)


@check
def unconditional_appends_never_deduplicate(server):
    client, tag = server.client(), fresh()
    same = event(tag)
    first = client.append([same])
    equal(client.append([same]), first + 1)


@better
def an_append_without_events_writes_nothing(server):
    client = server.client()
    before = client.head()
    equal(client.append([]), 0)
    equal(client.head(), before)


@check
def many_threads_append_without_gap_or_duplicate(server):
    client, tag = server.client(), fresh()
    before = client.head() or 0
    returned = []

    def work():
        for _ in range(10):
            returned.append(client.append([event(tag)]))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(sorted(returned), list(range(before + 1, before + 81)))
    equal(positions(client.read(tagged(tag))), sorted(returned))

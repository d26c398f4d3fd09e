"""Tests of append conditions."""

import threading

import pytest
from stores import events, positions, tagged

from umadb import AppendCondition, Event, IntegrityError, Query, TrackingInfo


def test_append_succeeds_if_no_event_matches(client):
    client.append(events(2, "a"))
    assert client.append(events(1, "b"), AppendCondition(tagged("b"))) == 3


def test_append_fails_if_an_event_matches(client):
    client.append(events(2, "a"))
    with pytest.raises(IntegrityError):
        client.append(events(1, "b"), AppendCondition(tagged("a")))
    assert client.head() == 2


@pytest.mark.parametrize(
    ("after", "fails"),
    [(None, True), (0, True), (1, True), (2, True), (3, False), (4, False), (5, False), (9, False)],
)
def test_condition_ignores_events_up_to_after(client, after, fails):
    client.append(events(1) + events(2, "a") + events(1))
    condition = AppendCondition(fail_if_events_match=tagged("a"), after=after)
    if fails:
        with pytest.raises(IntegrityError):
            client.append(events(1), condition=condition)
    else:
        assert client.append(events(1), condition=condition) == 5


@pytest.mark.better
def test_no_conflict_after_the_greatest_position(client):
    client.append(events(1))
    assert client.append(events(1), AppendCondition(Query(), 2**64 - 1)) == 2


def test_empty_query_matches_every_event(client):
    assert client.append(events(1), AppendCondition(Query())) == 1
    with pytest.raises(IntegrityError):
        client.append(events(1), AppendCondition(Query()))
    assert client.append(events(1), AppendCondition(Query(), after=1)) == 2


def test_append_does_not_conflict_with_its_own_events(client):
    assert client.append(events(3, "a"), AppendCondition(tagged("a"))) == 3


@pytest.mark.better
def test_error_names_the_first_conflicting_event(client):
    client.append(events(2) + events(2, "a"))
    with pytest.raises(IntegrityError) as caught:
        client.append(events(1), AppendCondition(tagged("a")))
    assert caught.value.conflict_position == 3
    with pytest.raises(IntegrityError) as caught:
        client.append(events(1), AppendCondition(tagged("a"), 3))
    assert caught.value.conflict_position == 4
    assert "4" in str(caught.value)


@pytest.mark.better
def test_condition_is_checked_without_events(client):
    client.append(events(1, "a"))
    with pytest.raises(IntegrityError):
        client.append([], AppendCondition(tagged("a")))
    assert client.append([], AppendCondition(tagged("b"))) == 0


@pytest.mark.better
def test_request_is_validated_before_its_condition(client):
    client.append(events(1, "a"))
    with pytest.raises(ValueError, match="^invalid argument: ") as caught:
        client.append([Event("a", b"", uuid="none")], AppendCondition(tagged("a")))
    assert not isinstance(caught.value, IntegrityError)


@pytest.mark.better
def test_condition_is_checked_before_tracking(client):
    client.append(events(1, "a"), tracking_info=TrackingInfo("up", 1))
    with pytest.raises(IntegrityError) as caught:
        client.append(events(1), AppendCondition(tagged("a")), TrackingInfo("up", 1))
    assert caught.value.conflict_position == 1


def test_one_of_many_concurrent_conditional_appends_succeeds(client):
    outcomes = []

    def attempt():
        try:
            outcomes.append(client.append(events(1, "a"), AppendCondition(tagged("a"))))
        except IntegrityError:
            outcomes.append(None)

    threads = [threading.Thread(target=attempt) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=str) == [1] + [None] * 15
    assert client.head() == 1


def test_concurrent_read_decide_append_loses_no_update(client):
    def count():
        for _ in range(10):
            while True:
                found, head = client.read(tagged("counter")).collect_with_head()
                try:
                    number = str(len(found)).encode()
                    client.append(
                        [Event("Counted", number, ["counter"])], AppendCondition(tagged("counter"), head)
                    )
                    break
                except IntegrityError:
                    pass

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = list(client.read(tagged("counter")))
    assert [s.event.data for s in found] == [str(n).encode() for n in range(40)]
    assert positions(found) == list(range(1, 41))


def test_invalid_arguments(client):
    for arguments in [
        ("abc",),
        (None,),
        (Event("a", b""),),
        ([1],),
        ([b"x"],),
        (b"abc",),
        ([Event("a", b"")], Query()),
        ([Event("a", b"")], None, ("up", 1)),
    ]:
        with pytest.raises(TypeError):
            client.append(*arguments)
    assert client.head() is None

"""Checks of append conditions and of the idempotent retry."""

import threading

from umadb import AppendCondition, Event, IntegrityError, Query, QueryItem

from checks import better, check, equal, event, fresh, raises, tagged, typed


def is_conflict():
    return raises(IntegrityError, base=ValueError, begins="integrity error: ")


@check
def a_decision_on_an_old_head_is_rejected(server):
    client, tag = server.client(), fresh()
    boundary = tagged(tag)
    response = client.read(boundary)
    equal(list(response), [])
    condition = AppendCondition(boundary, after=response.head())
    client.append([event(tag)], condition)
    with is_conflict():
        client.append([event(tag)], condition)


@check
def a_rejected_append_leaves_no_gap(server):
    client, tag = server.client(), fresh()
    first = client.append([event(tag)])
    with is_conflict():
        client.append([event(tag), event(tag)], AppendCondition(tagged(tag)))
    equal(client.head(), first)
    equal(client.append([event(tag)]), first + 1)


@check
def after_excludes_the_events_of_the_decision(server):
    client, tag = server.client(), fresh()
    first = client.append([event(tag)])
    with is_conflict():
        client.append([event(tag)], AppendCondition(tagged(tag), after=first - 1))
    with is_conflict():
        client.append([event(tag)], AppendCondition(tagged(tag), after=0))
    equal(client.append([event(tag)], AppendCondition(tagged(tag), after=first)), first + 1)


@check
def nothing_conflicts_past_the_head(server):
    client, tag = server.client(), fresh()
    first = client.append([event(tag)])
    condition = AppendCondition(Query(), after=first + 1_000)
    equal(client.append([event(tag)], condition), first + 1)


@better
def nothing_conflicts_past_the_maximum_position(server):
    client, tag = server.client(), fresh()
    condition = AppendCondition(Query(), after=2**64 - 1)
    equal(client.append([event(tag)], condition), client.head())


@check
def an_empty_query_conflicts_with_every_event(server):
    client, tag = server.client(), fresh()
    client.append([event(tag)])
    for query in Query(), Query([QueryItem()]):
        with is_conflict():
            client.append([event(tag)], AppendCondition(query))


@check
def a_condition_by_type_and_tag_needs_both(server):
    client, tag, kind = server.client(), fresh(), fresh("Type")
    client.append([event(tag, "Other"), event(fresh(), kind)])
    both = Query([QueryItem(types=[kind], tags=[tag])])
    client.append([event(tag, kind)], AppendCondition(both))
    with is_conflict():
        client.append([event(tag, kind)], AppendCondition(both))


@check
def a_condition_by_type_alone_holds_and_fails(server):
    client, kind = server.client(), fresh("Type")
    client.append([event(fresh(), kind)], AppendCondition(typed(kind)))
    with is_conflict():
        client.append([event(fresh(), kind)], AppendCondition(typed(kind)))


@check
def a_repeated_append_returns_the_same_position(server):
    client, tag = server.client(), fresh()
    events = [event(tag), event(tag), event(tag)]
    condition = AppendCondition(tagged(tag), after=client.head())
    position = client.append(events, condition)
    client.append([event(fresh())])
    head = client.head()
    equal(client.append(events, condition), position)
    equal(client.head(), head)


@check
def a_prefix_of_an_append_is_a_retry(server):
    client, tag = server.client(), fresh()
    one, two = event(tag), event(tag)
    condition = AppendCondition(tagged(tag), after=client.head())
    position = client.append([one, two], condition)
    equal(client.append([one], condition), position - 1)


@check
def a_different_append_is_not_a_retry(server):
    client, tag = server.client(), fresh()
    one, two, three = event(tag), event(tag), event(tag)
    condition = AppendCondition(tagged(tag), after=client.head())
    client.append([one, two], condition)
    for events in [two], [two, one], [one, three], [one, two, three]:
        with is_conflict():
            client.append(events, condition)


@check
def an_append_without_uuids_is_not_a_retry(server):
    client, tag = server.client(), fresh()
    condition = AppendCondition(tagged(tag), after=client.head())
    plain = Event("Enrolled", b"", [tag])
    client.append([plain], condition)
    with is_conflict():
        client.append([plain], condition)


@better
def a_query_that_matches_part_of_the_append_finds_the_retry(server):
    client, tag = server.client(), fresh()
    events = [event(fresh()), event(tag), event(fresh())]
    condition = AppendCondition(tagged(tag), after=client.head())
    position = client.append(events, condition)
    equal(client.append(events, condition), position)


@better
def a_condition_without_events_is_checked(server):
    client, tag = server.client(), fresh()
    client.append([event(tag)])
    with is_conflict():
        client.append([], AppendCondition(tagged(tag)))


@check
def one_of_many_concurrent_decisions_succeeds(server):
    client = server.client()
    for _ in range(5):
        tag = fresh()
        condition = AppendCondition(tagged(tag), after=client.head())
        outcomes = []

        def decide():
            try:
                outcomes.append(client.append([event(tag)], condition))
            except IntegrityError:
                outcomes.append(None)

        threads = [threading.Thread(target=decide) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal(len(outcomes), 8)
        equal(sum(outcome is not None for outcome in outcomes), 1)
        equal(len(list(client.read(tagged(tag)))), 1)

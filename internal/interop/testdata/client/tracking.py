"""Checks of tracking: an upstream position is recorded with its events."""

from umadb import AppendCondition, IntegrityError, TrackingInfo

from checks import better, check, equal, event, fresh, raises, tagged


def is_conflict():
    return raises(IntegrityError, base=ValueError, begins="integrity error: ")


@check
def the_first_position_may_have_any_value(server):
    client = server.client()
    for position in 0, 1, 10**12, 2**63 - 1:
        source = fresh("source")
        equal(client.get_tracking_info(source), None)
        client.append([event(fresh())], None, TrackingInfo(source, position))
        equal(client.get_tracking_info(source), position)


@check
def later_positions_must_be_higher(server):
    client, source = server.client(), fresh("source")
    client.append([event(fresh())], None, TrackingInfo(source, 5))
    head = client.head()
    for position in 5, 4, 0:
        with is_conflict():
            client.append([event(fresh())], None, TrackingInfo(source, position))
    equal((client.get_tracking_info(source), client.head()), (5, head))
    client.append([event(fresh())], None, TrackingInfo(source, 50))
    equal(client.get_tracking_info(source), 50)


@check
def sources_are_independent(server):
    client, one, two = server.client(), fresh("source"), fresh("source")
    client.append([event(fresh())], None, TrackingInfo(one, 9))
    client.append([event(fresh())], None, TrackingInfo(two, 1))
    equal((client.get_tracking_info(one), client.get_tracking_info(two)), (9, 1))


@check
def a_failed_condition_records_no_tracking(server):
    client, tag, source = server.client(), fresh(), fresh("source")
    client.append([event(tag)])
    with is_conflict():
        client.append([event(tag)], AppendCondition(tagged(tag)), TrackingInfo(source, 1))
    equal(client.get_tracking_info(source), None)


@check
def a_retry_records_no_tracking_and_succeeds(server):
    client, tag, source = server.client(), fresh(), fresh("source")
    events, condition = [event(tag)], AppendCondition(tagged(tag), after=client.head())
    position = client.append(events, condition, TrackingInfo(source, 1))
    equal(client.append(events, condition, TrackingInfo(source, 1)), position)
    equal(client.get_tracking_info(source), 1)


@check
def each_event_is_returned_with_its_tracking(server):
    client, tag, source = server.client(), fresh(), fresh("source")
    client.append([event(tag), event(tag)], None, TrackingInfo(source, 7))
    for sequenced in client.read(tagged(tag)):
        equal(sequenced.tracking_info, TrackingInfo(source, 7))


@better
def tracking_may_have_no_events(server):
    client, source = server.client(), fresh("source")
    head = client.head()
    equal(client.append([], None, TrackingInfo(source, 3)), 0)
    equal((client.get_tracking_info(source), client.head()), (3, head))


@better
def a_long_source_is_refused(server):
    client = server.client()
    client.append([event(fresh())], None, TrackingInfo("x" * 255, 1))
    with raises(ValueError, begins="invalid argument: "):
        client.append([event(fresh())], None, TrackingInfo("x" * 256, 1))

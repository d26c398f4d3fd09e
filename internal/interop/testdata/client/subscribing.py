"""Checks of subscriptions: stored events, then new ones, without a gap."""

import threading
import time

from umadb import CancelledByUserError

from checks import check, equal, event, fresh, raises, tagged


def take(subscription, count):
    """Returns the positions of the next events."""
    return [next(subscription).position for _ in range(count)]


@check
def a_subscription_catches_up_and_follows(server):
    client, tag = server.client(), fresh()
    first = client.append([event(tag), event(tag)])
    subscription = client.subscribe(tagged(tag))
    equal(take(subscription, 2), [first - 1, first])
    client.append([event(fresh())])
    second = client.append([event(tag)])
    equal(take(subscription, 1), [second])
    subscription.cancel()


@check
def after_is_exclusive(server):
    client, tag = server.client(), fresh()
    last = client.append([event(tag), event(tag), event(tag)])
    subscription = client.subscribe(tagged(tag), after=last - 2)
    equal(take(subscription, 2), [last - 1, last])
    subscription.cancel()


@check
def after_zero_starts_at_the_first_event(server):
    client = server.client()
    client.append([event(fresh())])
    for after in None, 0:
        subscription = client.subscribe(after=after)
        equal(take(subscription, 1), [1])
        subscription.cancel()


@check
def after_past_the_head_waits(server):
    client, tag = server.client(), fresh()
    last = client.append([event(tag)])
    subscription = client.subscribe(tagged(tag), after=last + 2)
    equal(client.append([event(tag) for _ in range(4)]), last + 4)
    equal(take(subscription, 2), [last + 3, last + 4])
    subscription.cancel()


@check
def no_gap_and_no_duplicate_during_appends(server):
    client, tag = server.client(), fresh()
    want = []

    def append():
        for size in range(1, 60):
            last = client.append([event(tag) for _ in range(size % 7 + 1)])
            want.extend(range(last - size % 7, last + 1))

    writer = threading.Thread(target=append)
    writer.start()
    time.sleep(0.02)
    subscription = client.subscribe(tagged(tag))
    got = take(subscription, sum(size % 7 + 1 for size in range(1, 60)))
    writer.join()
    equal(got, want)
    subscription.cancel()


@check
def cancelling_wakes_a_waiting_subscriber(server):
    subscription = server.client().subscribe(tagged(fresh()))
    threading.Timer(0.2, subscription.cancel).start()
    with raises(CancelledByUserError):
        next(subscription)


@check
def a_subscription_returns_batches(server):
    client, tag = server.client(), fresh()
    last = client.append([event(tag), event(tag)])
    subscription = client.subscribe(tagged(tag))
    got = []
    while len(got) < 2:
        got += [sequenced.position for sequenced in subscription.next_batch()]
    equal(got, [last - 1, last])
    subscription.cancel()

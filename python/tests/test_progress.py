"""Tests of the progress of subscriptions."""

import asyncio
import gc
import pickle
import threading
import weakref

import pytest
from loops import asynchronous
from servers import fake_server, field
from stores import events, positions, tagged

import umadb.aio
from umadb import Client, SubscriptionProgress, TimeoutExpired


class Enough(Exception):
    """Raised by the functions of the tests to end a wait for events."""


class Log:
    """What a subscription has done, in order: positions, its progress, and "caught up".

    Args:
        end: how often it catches up until Enough is raised.
    """

    def __init__(self, end=1):
        self.entries = []
        self.end = end

    def progress(self, progress):
        self.entries.append(progress)

    def caught_up(self):
        self.entries.append("caught up")
        if self.entries.count("caught up") == self.end:
            raise Enough

    def follow(self, subscription):
        with pytest.raises(Enough):
            while True:
                self.entries.append(next(subscription).position)

    async def follow_in_loop(self, subscription):
        with pytest.raises(Enough):
            while True:
                self.entries.append((await anext(subscription)).position)

    def take(self):
        """Return the entries since the last call."""
        entries, self.entries = self.entries, []
        return entries


@pytest.mark.better
def test_progress_is_reported_after_the_events_of_a_batch(store):
    with store.connect(batch_size=2) as client:
        client.append(events(3, "a") + events(2))
        log = Log()
        log.follow(client.subscribe(tagged("a"), on_progress=log.progress, on_caught_up=log.caught_up))
        taken = log.take()
        assert taken[:2] == [1, 2] and taken[3] == 3
        assert taken[-2:] == [SubscriptionProgress(5, 5), "caught up"]
        reports = [entry for entry in taken if isinstance(entry, SubscriptionProgress)]
        assert reports[0].checked == 2 and not reports[0].caught_up and reports[-1].caught_up
        assert reports == sorted(reports) and {r.head for r in reports} == {5}


@pytest.mark.better
def test_a_subscription_that_lags_catches_up_again(store):
    with store.connect(batch_size=2) as client:
        client.append(events(2))
        log = Log()
        subscription = client.subscribe(on_progress=log.progress, on_caught_up=log.caught_up)
        log.follow(subscription)
        assert log.take() == [1, 2, SubscriptionProgress(2, 2), "caught up"]
        client.append(events(1))
        log.entries.append(next(subscription).position)
        client.append(events(3))  # a message and a half
        log.follow(subscription)
        # It did not lag at event 3, which arrived alone.
        expected = [3, SubscriptionProgress(3, 3), 4, 5, SubscriptionProgress(5, 6), 6, SubscriptionProgress(6, 6)]
        assert log.take() == [*expected, "caught up"]


@pytest.mark.better
def test_an_empty_store_is_caught_up(client):
    log = Log()
    log.follow(client.subscribe(on_progress=log.progress, on_caught_up=log.caught_up))
    assert log.take() == [SubscriptionProgress(0, 0), "caught up"]


@pytest.mark.better
def test_the_position_of_a_checkpoint_moves_without_events(client):
    client.append(events(3))

    def note(progress):
        raise Enough(progress)

    subscription = client.subscribe(tagged("none"), on_progress=note)
    with pytest.raises(Enough, match=r"checked=3, head=3"):
        next(subscription)
    client.append(events(2))
    with pytest.raises(Enough, match=r"checked=5, head=5"):
        subscription.next(timeout=60)  # after 5 seconds
    client.append(events(1, "none"))
    assert next(subscription).position == 6
    # A subscription that starts at this position has the same events.
    assert next(client.subscribe(tagged("none"), after=subscription.progress.checked)).position == 6


def test_progress_is_none_until_it_is_known(store):
    with store.connect(batch_size=2) as client:
        client.append(events(3))
        subscription = client.subscribe()
        assert subscription.progress is None
        assert positions([next(subscription), next(subscription)]) == [1, 2]
        assert subscription.progress is None  # event 2 is being handled
        assert next(subscription).position == 3
        if store.kind == "rust":
            assert subscription.progress is None
        else:
            assert subscription.progress == SubscriptionProgress(2, 3)
            assert not subscription.progress.caught_up


def test_a_server_that_does_not_report_progress(store):
    if store.kind != "rust":
        pytest.skip("this store reports progress")
    with store.connect() as client:
        client.append(events(2))
        log = Log()
        subscription = client.subscribe(on_progress=log.progress, on_caught_up=log.caught_up)
        assert positions([next(subscription), next(subscription)]) == [1, 2]
        with pytest.raises(TimeoutExpired):
            subscription.next(timeout=0.2)
        assert subscription.progress is None and log.take() == []


@pytest.mark.better
def test_progress_of_batches(client):
    client.append(events(2, "a") + events(1))
    subscription = client.subscribe(tagged("a"))
    assert positions(subscription.next_batch()) == [1, 2]
    assert subscription.progress is None
    with pytest.raises(TimeoutExpired):
        subscription.next_batch(timeout=0.01)
    assert subscription.progress == SubscriptionProgress(3, 3)
    client.append(events(1, "a"))
    assert positions(subscription.next_batch()) == [4]


@pytest.mark.better
def test_an_exception_of_a_function_loses_nothing(store):
    with store.connect(batch_size=2) as client:
        client.append(events(4))
        failures = [Enough("of on_progress"), None, Enough("of on_progress")]
        log = Log()

        def progress(progress):
            log.progress(progress)
            if failure := failures.pop(0):
                raise failure

        subscription = client.subscribe(on_progress=progress, on_caught_up=log.caught_up)
        log.entries += positions([next(subscription), next(subscription)])
        with pytest.raises(Enough, match="of on_progress"):
            next(subscription)
        log.entries += positions(subscription.next_batch())
        failures[0] = failures.pop()
        with pytest.raises(Enough, match="of on_progress"):
            next(subscription)
        with pytest.raises(Enough):
            next(subscription)  # of on_caught_up, which has not been called yet
        assert log.take() == [1, 2, SubscriptionProgress(2, 4), 3, 4, SubscriptionProgress(4, 4), "caught up"]


@pytest.mark.better
def test_functions_are_called_by_the_thread_that_waits(client):
    threads = []

    def note():
        threads.append(threading.get_ident())
        raise Enough

    def follow():
        with pytest.raises(Enough):
            next(subscription)

    subscription = client.subscribe(on_caught_up=note)
    thread = threading.Thread(target=follow)
    thread.start()
    thread.join(30)
    assert threads == [thread.ident]


@pytest.mark.better
def test_a_function_may_cancel_the_subscription(client):
    client.append(events(2))
    subscription = client.subscribe(on_caught_up=lambda: subscription.cancel())
    got = []
    with pytest.raises(umadb.CancelledByUserError):
        got.extend(subscription)  # the events up to now
    assert positions(got) == [1, 2]
    assert subscription.progress.caught_up


@pytest.mark.better
def test_a_function_may_request_the_next_event(store):
    with store.connect(batch_size=2) as client:
        client.append(events(6))
        got = []

        def progress(progress):
            if progress.checked == 2:
                got.append(next(subscription).position)

        subscription = client.subscribe(on_progress=progress)
        while len(got) < 6:
            got.append(next(subscription).position)
        assert got == [1, 2, 3, 4, 5, 6]


def test_invalid_functions(client):
    with pytest.raises(TypeError, match="on_progress must be callable or None, not <class 'int'>"):
        client.subscribe(on_progress=1)
    with pytest.raises(TypeError, match="on_caught_up must be callable or None, not <class 'str'>"):
        umadb.aio.Client("memory:").subscribe(on_caught_up="x")


def test_functions_that_refer_to_their_subscription_are_collected():
    class Follower:
        def __init__(self, client):
            self.subscription = client.subscribe(on_progress=print, on_caught_up=self.ready)

        def ready(self):
            raise Enough

    with Client("memory:") as client:
        follower = Follower(client)
        with pytest.raises(Enough):
            next(follower.subscription)
        collected = weakref.ref(follower)
        del follower
        gc.collect()
        assert collected() is None


def test_values():
    progress = SubscriptionProgress(2, 2**64 - 1)
    assert repr(progress) == "SubscriptionProgress(checked=2, head=18446744073709551615)"
    assert pickle.loads(pickle.dumps(progress)) == progress
    assert not progress.caught_up and SubscriptionProgress(3, 3).caught_up and SubscriptionProgress(4, 3).caught_up


def progress_message(checked, head):
    return field(101, checked) + field(102, head)


def test_progress_never_decreases():
    reports = [(10, 20), (5, 7), (10, 20), (12, 15), (2**64 - 1, 21)]
    with fake_server(*(progress_message(*r) for r in reports)) as url, Client(url) as client:
        log = Log()
        assert list(client.subscribe(resume=False, on_progress=log.progress)) == []
        assert log.take() == [(10, 20), (12, 20), (2**64 - 1, 21)]


def test_messages_without_events_do_not_extend_the_timeout():
    with fake_server(again=progress_message(1, 2)) as url, Client(url) as client:
        subscription = client.subscribe(timeout=0.3)
        timer = threading.Timer(30, subscription.cancel)
        timer.start()
        for wait in (subscription.__next__, subscription.next, subscription.next_batch):
            with pytest.raises(TimeoutExpired):
                wait()
        timer.cancel()
        assert subscription.progress == (1, 2)


def test_reads_that_subscribe_have_no_progress(client):
    client.append(events(1))
    response = client.read(subscribe=True)
    assert next(response).position == 1
    assert not hasattr(response, "progress")
    with pytest.raises(TimeoutExpired):
        response.next(timeout=0.01)


@pytest.mark.better
@asynchronous
async def test_asyncio(client):
    await client.append(events(3, "a") + events(2))
    log, thread = Log(), threading.get_ident()

    def progress(progress):
        assert threading.get_ident() == thread
        log.progress(progress)

    subscription = client.subscribe(tagged("a"), on_progress=progress, on_caught_up=log.caught_up)
    assert subscription.progress is None
    await log.follow_in_loop(subscription)
    assert log.take() == [1, 2, 3, SubscriptionProgress(5, 5), "caught up"]
    assert subscription.progress.caught_up
    await client.append(events(1, "a"))
    assert positions(await subscription.next_batch()) == [6]


@pytest.mark.better
@asynchronous
async def test_coroutine_functions_are_awaited(client):
    await client.append(events(2))
    log = Log()

    async def progress(progress):
        await asyncio.sleep(0)
        log.progress(progress)

    async def caught_up():
        await asyncio.sleep(0)
        log.caught_up()

    await log.follow_in_loop(client.subscribe(on_progress=progress, on_caught_up=caught_up))
    assert log.take() == [1, 2, SubscriptionProgress(2, 2), "caught up"]


@pytest.mark.better
@asynchronous
async def test_a_task_that_is_cancelled_in_a_function_loses_no_event(client):
    await client.append(events(2))
    started = asyncio.Event()

    async def caught_up():
        started.set()
        await asyncio.Event().wait()

    subscription = client.subscribe(on_caught_up=caught_up)
    assert positions([await anext(subscription), await anext(subscription)]) == [1, 2]
    task = asyncio.create_task(anext(subscription))
    await started.wait()
    await client.append(events(1))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await anext(subscription)).position == 3


def test_the_end_of_a_subscription_with_asyncio():
    async def main(url):
        async with umadb.aio.Client(url) as client:
            log = Log(2)
            subscription = client.subscribe(resume=False, on_progress=log.progress, on_caught_up=log.caught_up)
            assert [event async for event in subscription] == []
            assert await subscription.next_batch() == []
            assert log.take() == [(1, 2), (2, 2), "caught up"] and subscription.progress == (2, 2)

    with fake_server(progress_message(1, 2), progress_message(2, 2)) as url:
        asyncio.run(main(url))

"""A bank with eventsourcing 9.5, and its projection."""

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.popo import POPOTrackingRecorder
from eventsourcing.projection import Projection


class Account(Aggregate):
    def __init__(self, owner):
        self.owner = owner
        self.balance = 0

    @event("Deposited")
    def deposit(self, amount):
        self.balance += amount

    def withdraw(self, amount):
        if amount > self.balance:
            raise ValueError("overdraft")
        self.withdrawn(amount)

    @event("Withdrawn")
    def withdrawn(self, amount):
        self.balance -= amount


class Bank(Application):
    def account(self, account_id, version=None):
        return self.repository.get(account_id, version=version)

    def last_id(self):
        return self.recorder.max_notification_id()


class View(POPOTrackingRecorder):
    def __init__(self):
        super().__init__()
        self.total = 0

    def add(self, amount, tracking):
        with self._database_lock:
            self._assert_tracking_uniqueness(tracking)
            self._insert_tracking(tracking)
            self.total += amount


class Totals(Projection):
    def process_event(self, domain_event, tracking):
        sign = {"Deposited": 1, "Withdrawn": -1}.get(type(domain_event).__name__, 0)
        self.view.add(sign * getattr(domain_event, "amount", 0), tracking)


def stop(runner, account):
    """Stop the runner, which with this adaptor checks for the stop only when it receives an event.

    A thread of the runner stops the subscription, and the event must be appended after that.
    """
    runner.stop()
    runner._stop_thread.join()
    account.deposit(1)
    runner.app.save(account)

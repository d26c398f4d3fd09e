"""A bank with eventsourcing 10, and its projection."""

from eventsourcing.dataclasses import Aggregate, AggregatesApplication, Decision
from eventsourcing.domain import triggers
from eventsourcing.popo import POPOTrackingRecorder
from eventsourcing.projection import Projection


class Account(Aggregate):
    class Opened(Decision):
        owner: str

    class Deposited(Decision):
        amount: int

    class Withdrawn(Decision):
        amount: int

    @triggers(Opened)
    def __init__(self, owner):
        self.owner = owner
        self.balance = 0

    @triggers(Deposited)
    def deposit(self, amount):
        self.balance += amount

    def withdraw(self, amount):
        if amount > self.balance:
            raise ValueError("overdraft")
        self.withdrawn(amount)

    @triggers(Withdrawn)
    def withdrawn(self, amount):
        self.balance -= amount


class Bank(AggregatesApplication):
    def account(self, account_id, version=None):
        return self.repository.get(account_id, Account, version=version)

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
    def process_event(self, envelope, tracking):
        decision = envelope.decision
        sign = {"Deposited": 1, "Withdrawn": -1}.get(type(decision).__name__, 0)
        self.view.add(sign * getattr(decision, "amount", 0), tracking)


def stop(runner, account):
    """Stop the runner."""
    runner.stop()

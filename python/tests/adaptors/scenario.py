"""Runs the bank scenario: scenario.py MODULE URL, with the Python that has the adaptor."""

import importlib
import sys

from eventsourcing.persistence import IntegrityError
from eventsourcing.projection import ProjectionRunner

import umadb


def main(module, url):
    bank = importlib.import_module(module)
    env = {"BANK_PERSISTENCE_MODULE": "eventsourcing_umadb", "UMADB_URI": url}
    with ProjectionRunner(
        application_class=bank.Bank, projection_class=bank.Totals, view_class=bank.View, env=env
    ) as runner:
        app = runner.app

        # Open, deposit, withdraw.
        ann, bob = bank.Account("Ann"), bank.Account("Bob")
        app.save(ann, bob)
        ann.deposit(100)
        ann.withdraw(30)
        app.save(ann)
        print("Ann has", app.account(ann.id).balance)

        # Both sides of a transfer are saved together.
        ann, bob = app.account(ann.id), app.account(bob.id)
        ann.withdraw(50)
        bob.deposit(50)
        app.save(ann, bob)
        print("Ann has", app.account(ann.id).balance, "and Bob", app.account(bob.id).balance)

        # An overdraft is rejected, and nothing is saved.
        ann = app.account(ann.id)
        before = app.last_id()
        try:
            ann.withdraw(21)
        except ValueError as error:
            print("Refused:", error)
        app.save(ann)
        assert app.last_id() == before

        # Of two concurrent changes of an account, one fails.
        first, second = app.account(ann.id), app.account(ann.id)
        first.withdraw(20)
        second.withdraw(20)
        app.save(first)
        try:
            app.save(second)
        except IntegrityError as error:
            assert isinstance(error.__cause__, umadb.IntegrityError)
            print("Too late")
        print("Ann has", app.account(ann.id).balance)

        # History.
        print("Ann had", [app.account(ann.id, version=version).balance for version in (1, 2, 3, 4, 5)])
        notifications = app.recorder.select_notifications(start=1, limit=100)
        print([n.topic.rpartition(".")[2] for n in notifications])
        assert [n.id for n in notifications] == [1, 2, 3, 4, 5, 6, 7]
        assert [n.originator_version for n in notifications] == [1, 1, 2, 3, 4, 2, 5]

        # The projection has processed each event once.
        runner.wait(app.last_id(), timeout=10)
        print("The bank has", runner.projection.view.total)
        bank.stop(runner, app.account(bob.id))


main(*sys.argv[1:])

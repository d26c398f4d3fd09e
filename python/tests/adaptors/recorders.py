"""Runs a test of eventsourcing with the recorders of the adaptor: recorders.py TEST URL.

The store must be empty.
"""

import sys
import unittest

import eventsourcing.dcb.tests
import eventsourcing.tests.persistence
import eventsourcing_umadb
from eventsourcing.utils import Environment

URL = sys.argv.pop()


def find_class(module, name):
    """Return the class with a name; eventsourcing 10 writes it with other capitals."""
    return next(value for key, value in vars(module).items() if key.lower() == name.lower())


class TestDecisions(find_class(eventsourcing.dcb.tests, "DcbRecorderTestCase")):
    def setUp(self):
        factory = find_class(eventsourcing_umadb, "DcbFactory")
        self.recorder = factory(Environment("Test", {"UMADB_URI": URL})).dcb_recorder()

    def test_append_and_read(self):
        self._test_append_read(self.recorder)

    def test_subscribe(self):
        self._test_append_subscribe(self.recorder)


class TestAggregates(eventsourcing.tests.persistence.AggregateRecorderTestCase):
    # Since eventsourcing 10, the adaptor appends events with their UUIDs.
    recorder_supports_idempotent_appends = True

    def create_recorder(self):
        return eventsourcing_umadb.Factory(Environment("Test", {"UMADB_URI": URL})).aggregate_recorder()


class TestApplications(eventsourcing.tests.persistence.ApplicationRecorderTestCase):
    def create_recorder(self):
        return eventsourcing_umadb.Factory(Environment("Test", {"UMADB_URI": URL})).application_recorder()


unittest.main()

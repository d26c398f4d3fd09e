"""The list of checks, the server under test, and helper functions."""

import uuid
from contextlib import contextmanager

from umadb import Client, Event, Query, QueryItem

CHECKS = []


class Server:
    """The address and credentials of the server under test."""

    def __init__(self, url, ca_path=None, api_key=None):
        self.url = url
        self.ca_path = ca_path
        self.api_key = api_key

    def client(self, **changes):
        """Returns a new client; changes replace arguments of Client."""
        arguments = {"ca_path": self.ca_path, "api_key": self.api_key}
        arguments.update(changes)
        return Client(self.url, **arguments)


def check(function):
    """Registers a check for any server. It is called with the Server."""
    CHECKS.append((function, False))
    return function


def better(function):
    """Registers a check in which we deliberately differ from the server in the
    released package."""
    CHECKS.append((function, True))
    return function


def fresh(prefix="course"):
    """Returns a unique tag."""
    return f"{prefix}:{uuid.uuid4()}"


def event(tag, event_type="Enrolled", data=b"", **more):
    """Returns an event with one tag and a UUID."""
    return Event(event_type, data, [tag], uuid=uuid.uuid4(), **more)


def tagged(*tags):
    """Returns a query for the events that have all of these tags."""
    return Query([QueryItem(tags=list(tags))])


def typed(*types):
    """Returns a query for the events that have one of these types."""
    return Query([QueryItem(types=list(types))])


def positions(response):
    """Returns the positions of the events of a response."""
    return [sequenced.position for sequenced in response]


@contextmanager
def raises(kind, *, base=None, begins=None):
    """Expects an exception of exactly this kind."""
    try:
        yield
    except Exception as error:
        assert type(error) is kind, f"expected {kind.__name__}, got {error!r}"
        if base is not None:
            assert isinstance(error, base), f"{kind.__name__} is not a {base.__name__}"
        if begins is not None:
            assert str(error).startswith(begins), f"message is {str(error)!r}"
        return
    raise AssertionError(f"no {kind.__name__} was raised")


def equal(got, want):
    """Expects two values to be equal."""
    assert got == want, f"got {got!r}, want {want!r}"

"""What every module of checks needs: the list of checks, the server under
test, and a few short ways to say what is expected."""

import uuid
from contextlib import contextmanager

from umadb import Client, Event, Query, QueryItem

CHECKS = []


class Server:
    """The server under test, and how to reach it."""

    def __init__(self, url, ca_path=None, api_key=None):
        self.url = url
        self.ca_path = ca_path
        self.api_key = api_key

    def client(self, **changes):
        """Connects; changes replace arguments of Client."""
        arguments = {"ca_path": self.ca_path, "api_key": self.api_key}
        arguments.update(changes)
        return Client(self.url, **arguments)


def check(function):
    """Adds a check for any server. It is called with the Server."""
    CHECKS.append((function, False))
    return function


def better(function):
    """Adds a check of what we do deliberately better than the server that the
    released package ships."""
    CHECKS.append((function, True))
    return function


def fresh(prefix="course"):
    """A tag that no other check uses."""
    return f"{prefix}:{uuid.uuid4()}"


def event(tag, event_type="Enrolled", data=b"", **more):
    """An event with one tag and a UUID."""
    return Event(event_type, data, [tag], uuid=uuid.uuid4(), **more)


def tagged(*tags):
    """The query for all events that have all of these tags."""
    return Query([QueryItem(tags=list(tags))])


def typed(*types):
    """The query for all events that have one of these types."""
    return Query([QueryItem(types=list(types))])


def positions(response):
    """The positions of what a response gives."""
    return [sequenced.position for sequenced in response]


@contextmanager
def raises(kind, *, base=None, begins=None):
    """Expects an exception of exactly this kind."""
    try:
        yield
    except Exception as error:
        assert type(error) is kind, f"expected {kind.__name__}, got {error!r}"
        if base is not None:
            assert isinstance(error, base), f"{kind.__name__} is no {base.__name__}"
        if begins is not None:
            assert str(error).startswith(begins), f"the message is {str(error)!r}"
        return
    raise AssertionError(f"no {kind.__name__} was raised")


def equal(got, want):
    """Expects two values to be the same, and shows both if they are not."""
    assert got == want, f"got {got!r}, want {want!r}"

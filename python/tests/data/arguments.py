"""Evaluates calls with odd arguments: arguments.py URL. Reads a JSON list of expressions, and prints one of answers."""
# ruff: noqa: F401, for the expressions

import array
import collections
import decimal
import enum
import fractions
import json
import pathlib
import sys
import types
import uuid

import umadb
from umadb import *  # noqa: F403
from umadb import Client, Event, Query, QueryItem

ID = uuid.UUID("11111111-2222-3333-4444-555555555555")


class Text(str):
    """A subclass of str."""


class Number(int):
    """A subclass of int."""


class Index:
    """An object with __index__."""

    def __init__(self, value=1):
        self.value = value

    def __index__(self):
        return self.value


class Sequence(collections.UserList):
    """A sequence that is not a list."""


class Truth:
    """An object with only a truth value."""

    def __bool__(self):
        return True


class Level(enum.IntEnum):
    ONE = 1


class Name(str, enum.Enum):
    A = "A"


class Data(bytes):
    """A subclass of bytes."""


class MyUUID(uuid.UUID):
    """A subclass of uuid.UUID."""


def show(value):
    """Format a value so that those of the two packages can be compared."""
    kind = type(value).__name__
    if kind == "Event":
        metadata = sorted(value.metadata.items())
        return f"Event({value.event_type!r}, {value.data!r}, {value.tags!r}, {value.uuid}, {metadata!r})"
    if kind == "SequencedEvent":
        return f"SequencedEvent({value.position}, {show(value.event)})"
    if kind in ("list", "tuple"):
        return "[" + ", ".join(map(show, value)) + "]"
    if value is None or kind in ("int", "str", "bytes", "bool"):
        return repr(value)
    return kind


url = sys.argv[1]
Client(url).append([Event("A", b"", ["t"]), Event("B", b"", ["u"])])
answers = []
for expression in json.load(sys.stdin):
    client = Client(url)
    try:
        answers.append(show(eval(expression)))
    except Exception as error:
        answers.append(type(error).__name__)
json.dump(answers, sys.stdout)

"""Tests of umadb.codec."""

import importlib.util
import sys
from dataclasses import dataclass
from typing import NamedTuple

import pytest

from umadb import Event
from umadb.codec import Codec, EventType, Json, Msgspec, Pydantic


@dataclass
class StudentJoined:
    course: str
    student: str


class CourseDefined(NamedTuple):
    course: str
    places: int = 20


TYPES = [
    EventType(StudentJoined, ["course", "student"]),
    EventType(CourseDefined, lambda e: (f"course:{e.course}",), name="Defined"),
    EventType(int, name="YearEnded"),
]

VALUES = [StudentJoined("1", "ann"), CourseDefined("1", 5), 1999]


def installed(format, module):
    reason = f"{module} is not installed"
    return pytest.param(format, marks=pytest.mark.skipif(not importlib.util.find_spec(module), reason=reason))


FORMATS = pytest.mark.parametrize(
    "format", [Json, installed(Msgspec, "msgspec"), installed(Pydantic, "pydantic")], ids=lambda f: f.__name__
)


@FORMATS
def test_values_come_back(format):
    codec = Codec(*TYPES, format=format())
    assert [codec.decode(codec.encode(value)) for value in VALUES] == VALUES


@FORMATS
def test_data_that_cannot_be_decoded(format):
    codec = Codec(*TYPES, format=format())
    for data in (b"{", b'{"course":"1","pupil":"ann"}'):
        with pytest.raises(ValueError, match="cannot decode an event of type 'StudentJoined'") as caught:
            codec.decode(Event("StudentJoined", data))
        assert caught.value.__cause__ is not None


def test_events():
    codec = Codec(*TYPES)
    assert codec.encode(StudentJoined("1", "änn")) == Event(
        "StudentJoined", '{"course":"1","student":"änn"}'.encode(), ["course:1", "student:änn"]
    )
    assert codec.encode(CourseDefined("1")) == Event("Defined", b'{"course":"1","places":20}', ["course:1"])
    event = codec.encode(1999, "8c9b1f64-6d0a-4c57-9d0e-5b1c64a1f7d2", {"by": "me"})
    assert event == Event("YearEnded", b"1999", [], "8c9b1f64-6d0a-4c57-9d0e-5b1c64a1f7d2", {"by": "me"})


def test_fields_that_are_missing_have_their_defaults():
    assert Codec(*TYPES).decode(Event("Defined", b'{"course":"1"}')) == CourseDefined("1", 20)


def test_a_format_of_the_program():
    class Text:
        def encode(self, value):
            return f"{value:x}".encode()

        def decode(self, data, type):
            return type(data, 16)

    codec = Codec(EventType(int, name="Number"), format=Text())
    assert codec.encode(255) == Event("Number", b"ff")
    assert codec.decode(Event("Number", b"ff")) == 255


def test_types_that_are_unknown():
    codec = Codec(*TYPES)
    with pytest.raises(TypeError, match="'str'> has no event type"):
        codec.encode("text")
    with pytest.raises(ValueError, match="the event type 'Other' is unknown"):
        codec.decode(Event("Other", b""))


@pytest.mark.parametrize("added", [EventType(float, name="YearEnded"), EventType(int, name="Other")])
def test_types_are_unique(added):
    with pytest.raises(ValueError, match="two types have the same name or the same class"):
        Codec(*TYPES, added)


@pytest.mark.parametrize("module, format", [("msgspec", Msgspec), ("pydantic", Pydantic)])
def test_packages_of_formats_are_optional(module, format, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError):
        format()

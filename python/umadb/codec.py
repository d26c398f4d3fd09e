"""Events as values of the types of a program.

    @dataclass
    class StudentJoined:
        course: str
        student: str

    codec = Codec(EventType(StudentJoined, tags=["course", "student"]))
    codec.encode(StudentJoined("1", "ann"))  # an Event with the tags course:1 and student:ann
    codec.decode(event)  # a StudentJoined

The data of an event is JSON. Dataclasses and named tuples need nothing else; with
``format=Msgspec()`` or ``format=Pydantic()``, and one of these packages, also types that
these support, and their fields are validated. A format of the program has the two methods of Format.
"""

import dataclasses
import importlib
import json
from typing import Generic, Protocol, TypeVar

from umadb._native import Event

__all__ = ["Codec", "EventType", "Format", "Json", "Msgspec", "Pydantic"]


T = TypeVar("T")


class Format(Protocol):
    """Converts between values and the data of events. Any object with these methods is a format."""

    def encode(self, value):
        """Return the data of a value (bytes)."""

    def decode(self, data, type):
        """Return the value of a type in data (bytes)."""


class Json(Format):
    """JSON of the standard library, for dataclasses and named tuples with fields of JSON types.

    A field that is itself a dataclass is decoded as a dict. Other values are encoded as they are, and type is
    called with what was decoded.
    """

    def encode(self, value):
        if dataclasses.is_dataclass(value):
            value = dataclasses.asdict(value)
        elif hasattr(value, "_asdict"):
            value = value._asdict()
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

    def decode(self, data, type):
        value = json.loads(data)
        if dataclasses.is_dataclass(type) or hasattr(type, "_asdict"):
            return type(**value)
        return type(value)


class Msgspec(Format):
    """JSON of the package msgspec, for its structs and the other types that it supports."""

    def __init__(self):
        self._json = importlib.import_module("msgspec").json

    def encode(self, value):
        return self._json.encode(value)

    def decode(self, data, type):
        return self._json.decode(data, type=type)


class Pydantic(Format):
    """JSON of the package pydantic, version 2, for its models and the other types that it supports."""

    def __init__(self):
        self._adapter = importlib.import_module("pydantic").TypeAdapter
        self._adapters = {}  # by type

    def _adapter_of(self, type):
        if type not in self._adapters:
            self._adapters[type] = self._adapter(type)
        return self._adapters[type]

    def encode(self, value):
        return self._adapter_of(type(value)).dump_json(value)

    def decode(self, data, type):
        return self._adapter_of(type).validate_json(data)


class EventType(Generic[T]):
    """A class, and the type and the tags of the events that stand for its objects.

    Args:
        type: the class (type).
        tags: names of fields, of which each makes the tag ``name:value`` (sequence of str), or a function
            that returns the tags of an object (sequence of str).
        name: the type of the events (str). The default is the name of the class.
    """

    def __init__(self, type, tags=(), *, name=None):
        self._type = type
        self.name = type.__name__ if name is None else name
        self._tags = tags if callable(tags) else tuple(tags)

    def tags(self, value):
        """Return the tags of an object (list of str)."""
        if callable(self._tags):
            return list(self._tags(value))
        return [f"{name}:{getattr(value, name)}" for name in self._tags]


class Codec:
    """Converts between events and objects of its types.

    Args:
        types: the types (EventType).
        format: of the data of events (Format). The default is Json.

    Raises:
        ValueError: if two of the types have the same name or the same class.
    """

    def __init__(self, *types, format=None):
        self._format = Json() if format is None else format
        self._by_name = {t.name: t for t in types}
        self._by_type = {t._type: t for t in types}
        if not len(self._by_name) == len(self._by_type) == len(types):
            raise ValueError("two types have the same name or the same class")

    def encode(self, value, uuid=None, metadata=None):
        """Return an Event.

        Args:
            value: an object of one of the types.
            uuid: as for Event.
            metadata: as for Event.

        Raises:
            TypeError: if the class of the object is not one of the types.
        """
        found = self._by_type.get(type(value))
        if found is None:
            raise TypeError(f"{type(value)!r} has no event type")
        return Event(found.name, self._format.encode(value), found.tags(value), uuid, metadata)

    def decode(self, event):
        """Return the object in the data of an Event.

        Raises:
            ValueError: if the type of the event is unknown, or its data cannot be decoded.
        """
        found = self._by_name.get(event.event_type)
        if found is None:
            raise ValueError(f"the event type {event.event_type!r} is unknown")
        try:
            return self._format.decode(event.data, found._type)
        except Exception as error:
            raise ValueError(f"cannot decode an event of type {event.event_type!r}: {error}") from error

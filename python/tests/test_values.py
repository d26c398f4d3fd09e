"""Tests of the value types and their arguments."""

import array
import copy
import inspect
import pickle
import uuid

import pytest

import umadb
from umadb import AppendCondition, Client, Event, Query, QueryItem, SequencedEvent, TrackingInfo

UUID = "01234567-89ab-cdef-0123-456789abcdef"
EVENT = Event("t", b"d", ["x", "y"], UUID, {"k": "v", "a": "b"})
QUERY = Query([QueryItem(["t"], ["x", "y"]), QueryItem()])

# Different values of each type.
VALUES = {
    Event: [
        Event("t", b""),
        Event("", b"t"),
        Event("t", b"d"),
        Event("t", b"d", ["x"]),
        Event("t", b"d", ["x", "x"]),
        Event("t", b"d", ["x", "y"]),
        Event("t", b"d", ["y", "x"]),
        Event("t", b"d", [""]),
        Event("t", b"d", uuid=UUID),
        Event("t", b"d", metadata={"k": "v"}),
        Event("t", b"d", metadata={"k": ""}),
        Event("t", b"d", metadata={"": "v"}),
        EVENT,
    ],
    QueryItem: [
        QueryItem(),
        QueryItem(["t"]),
        QueryItem(None, ["t"]),
        QueryItem(["t"], ["x"]),
        QueryItem(["t", "u"]),
        QueryItem(["u", "t"]),
    ],
    Query: [
        Query(),
        Query([QueryItem()]),
        Query([QueryItem(), QueryItem()]),
        Query([QueryItem(["t"])]),
        QUERY,
    ],
    AppendCondition: [
        AppendCondition(Query()),
        AppendCondition(Query(), 0),
        AppendCondition(Query(), 1),
        AppendCondition(QUERY),
        AppendCondition(QUERY, 2**64 - 1),
    ],
    TrackingInfo: [
        TrackingInfo("", 0),
        TrackingInfo("s", 0),
        TrackingInfo("s", 1),
        TrackingInfo("s", 2**64 - 1),
    ],
    SequencedEvent: [
        SequencedEvent(1, EVENT),
        SequencedEvent(2, EVENT),
        SequencedEvent(1, Event("", b"")),
        SequencedEvent(1, EVENT, TrackingInfo("s", 0)),
        SequencedEvent(2**64 - 1, EVENT, TrackingInfo("s", 1)),
    ],
}
ALL = [value for values in VALUES.values() for value in values]


def test_equality_and_hash():
    for a in range(len(ALL)):
        for b in range(len(ALL)):
            assert (ALL[a] == ALL[b]) is (a == b)
            assert (ALL[a] != ALL[b]) is (a != b)
    assert len(set(ALL)) == len(ALL)
    assert EVENT != "t"
    assert EVENT != ("t", b"d")
    with pytest.raises(TypeError):
        _ = EVENT < EVENT


@pytest.mark.parametrize("value", ALL, ids=repr)
def test_copies_are_equal(value):
    for other in (
        eval(repr(value), vars(umadb)),
        copy.copy(value),
        copy.deepcopy(value),
        *(pickle.loads(pickle.dumps(value, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)),
    ):
        assert type(other) is type(value)
        assert other == value
        assert hash(other) == hash(value)
        assert repr(other) == repr(value)


def test_attributes():
    assert (EVENT.event_type, EVENT.data, EVENT.tags, EVENT.uuid, EVENT.metadata) == (
        "t",
        b"d",
        ["x", "y"],
        UUID,
        {"k": "v", "a": "b"},
    )
    bare = Event("t", b"")
    assert (bare.tags, bare.uuid, bare.metadata) == ([], None, {})
    assert (QUERY.items[0].types, QUERY.items[0].tags) == (["t"], ["x", "y"])
    assert Query().items == QueryItem().types == QueryItem().tags == []
    assert (AppendCondition(QUERY).fail_if_events_match, AppendCondition(QUERY).after) == (QUERY, None)
    assert AppendCondition(QUERY, 7).after == 7
    stored = SequencedEvent(3, EVENT, TrackingInfo("s", 4))
    assert (stored.position, stored.event, stored.tracking_info.source, stored.tracking_info.position) == (
        3,
        EVENT,
        "s",
        4,
    )
    assert SequencedEvent(3, EVENT).tracking_info is None


@pytest.mark.parametrize("value", [values[-1] for values in VALUES.values()], ids=lambda v: type(v).__name__)
def test_values_are_immutable(value):
    names = [name for name, member in vars(type(value)).items() if inspect.isgetsetdescriptor(member)]
    assert names
    for name in [*names, "another"]:
        with pytest.raises(AttributeError):
            setattr(value, name, None)
        with pytest.raises(AttributeError):
            delattr(value, name)
    with pytest.raises(TypeError):
        type(value).another = 1
    before = repr(value)
    for name in names:
        found = getattr(value, name)
        if isinstance(found, (list, dict)):
            found.clear()
    assert repr(value) == before


@pytest.mark.parametrize("type_", VALUES, ids=lambda t: t.__name__)
def test_types_are_final_and_documented(type_):
    with pytest.raises(TypeError):
        type("Sub", (type_,), {})
    assert type_.__module__ == "umadb"
    assert type_.__doc__
    assert inspect.signature(type_)


def test_keyword_arguments():
    assert (
        Event(event_type="t", data=b"d", tags=["x", "y"], uuid=UUID, metadata={"k": "v", "a": "b"}) == EVENT
    )
    assert Query(items=[QueryItem(types=["t"], tags=["x", "y"]), QueryItem()]) == QUERY
    assert AppendCondition(fail_if_events_match=QUERY, after=1) == AppendCondition(QUERY, 1)
    assert TrackingInfo(source="s", position=1) == TrackingInfo("s", 1)
    assert SequencedEvent(position=1, event=EVENT, tracking_info=None) == SequencedEvent(1, EVENT)


def test_any_sequence_is_accepted():
    for make in (list, tuple, iter, lambda t: (x for x in t), lambda t: dict.fromkeys(t)):
        assert Event("t", b"d", make(["x", "y"]), UUID, {"k": "v", "a": "b"}) == EVENT
        assert QueryItem(make(["t"]), make(["x", "y"])) == QUERY.items[0]
        assert Query(make(QUERY.items)) == QUERY


def test_data_from_any_buffer():
    for data in (
        bytearray(b"data"),
        memoryview(b"data"),
        memoryview(b"d-a-t-a")[::2],
        array.array("B", b"data"),
    ):
        event = Event("t", data)
        assert event.data == b"data"
        assert type(event.data) is bytes
    data = bytearray(b"data")
    event = Event("t", data)
    data[0] = 0
    assert event.data == b"data"


def test_metadata_from_any_mapping():
    class Mapping:
        def __init__(self, items):
            self.pairs = items

        def __getitem__(self, key):
            raise KeyError(key)

        def items(self):
            return self.pairs

    assert Event("t", b"", metadata=Mapping([("b", "1"), ("a", "2")])).metadata == {"b": "1", "a": "2"}
    for wrong in ([["a", "b"]], [("a",)], [("a", "b", "c")], ["ab"], [None], None):
        with pytest.raises(TypeError):
            Event("t", b"", metadata=Mapping(wrong))
    assert Event("t", b"", metadata={"a": "1", "b": "2"}) == Event("t", b"", metadata={"b": "2", "a": "1"})
    assert hash(Event("t", b"", metadata={"a": "1", "b": "2"})) == hash(
        Event("t", b"", metadata={"b": "2", "a": "1"})
    )


def test_uuids():
    for form in (UUID.upper(), UUID.replace("-", ""), "urn:uuid:" + UUID, "{" + UUID + "}", uuid.UUID(UUID)):
        assert Event("t", b"", uuid=form) == Event("t", b"", uuid=UUID)
        assert Event("t", b"", uuid=form).uuid == UUID
    assert Event("t", b"", uuid="").uuid is None


class Failing:
    def __iter__(self):
        raise KeyError("from the sequence")

    items = __iter__

    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise KeyError("from the sequence")


WRONG_TYPES = [
    *((lambda w=wrong: Event(w, b"")) for wrong in (None, 1, b"t", ["t"])),
    *((lambda w=wrong: Event("t", w)) for wrong in (None, 1, "d", [b"d"], ["d"], 1.0, {})),
    *((lambda w=wrong: Event("t", b"", w)) for wrong in (1, "tag", b"tag", [1], [None], [b"x"], ["x", 1])),
    *((lambda w=wrong: Event("t", b"", uuid=w)) for wrong in (1, UUID.encode(), [UUID], object())),
    *(
        (lambda w=wrong: Event("t", b"", metadata=w))
        for wrong in (1, "k", [("k", "v")], {"k": 1}, {1: "v"}, {"k": None}, {b"k": "v"})
    ),
    *((lambda w=wrong: QueryItem(w)) for wrong in (1, "t", b"t", [1], [None])),
    *((lambda w=wrong: QueryItem(None, w)) for wrong in (1, "t", b"t", [1], [["t"]])),
    *((lambda w=wrong: Query(w)) for wrong in (1, "t", [1], [None], QueryItem(), [Query()])),
    *((lambda w=wrong: AppendCondition(w)) for wrong in (None, [], QueryItem(), "q")),
    *((lambda w=wrong: AppendCondition(Query(), w)) for wrong in ("1", 1.0, [])),
    *((lambda w=wrong: TrackingInfo(w, 1)) for wrong in (None, 1, b"s")),
    *((lambda w=wrong: TrackingInfo("s", w)) for wrong in (None, "1", 1.0)),
    *((lambda w=wrong: SequencedEvent(w, EVENT)) for wrong in (None, "1", 1.0)),
    lambda: SequencedEvent(1, None),
    lambda: SequencedEvent(1, EVENT, ("s", 1)),
    lambda: Event(),
    lambda: Event("t"),
    lambda: Event("t", b"", nonsense=1),
    lambda: Query([], []),
    lambda: AppendCondition(),
    lambda: TrackingInfo("s"),
    *(lambda t=t: t() for t in (umadb.ReadResponse, umadb.Subscription)),
]
INVALID_VALUES = [
    *((lambda w=wrong: AppendCondition(Query(), w)) for wrong in (-1, 2**64, 10**30, 10**5000)),
    *((lambda w=wrong: TrackingInfo("s", w)) for wrong in (-1, 2**64)),
    lambda: TrackingInfo("\ud800", 1),
    *((lambda w=wrong: Event("t", w)) for wrong in ([256], [-1])),
    *((lambda w=wrong: SequencedEvent(w, EVENT)) for wrong in (-1, 2**64)),
    lambda: Event("\ud800", b""),
    lambda: Event("t", b"", ["\ud800"]),
    lambda: Event("t", b"", uuid="\ud800"),
    lambda: Event("t", b"", metadata={"\ud800": ""}),
    lambda: Event("t", b"", metadata={"": "\ud800"}),
    lambda: QueryItem(["\ud800"]),
]


def released():
    view = memoryview(b"data")
    view.release()
    return view


def test_wrong_types():
    for number, make in enumerate(WRONG_TYPES):
        with pytest.raises(TypeError):
            make()
            pytest.fail(f"case {number} was accepted")


def test_invalid_values():
    for number, make in enumerate(INVALID_VALUES):
        with pytest.raises(ValueError):
            make()
            pytest.fail(f"case {number} was accepted")


def test_number_with_thousands_of_digits():
    with pytest.raises(ValueError, match=r"^after must be from 0 to 2\*\*64 - 1, not "):
        AppendCondition(Query(), 10**5000)


def test_errors_of_sequences_are_raised():
    for make in (
        lambda: Event("t", b"", Failing()),
        lambda: Event("t", b"", metadata=Failing()),
        lambda: QueryItem(Failing()),
        lambda: Query(Failing()),
    ):
        with pytest.raises(KeyError, match="from the sequence"):
            make()
    with pytest.raises(ValueError, match="released"):
        Event("t", released())


def test_single_object_instead_of_sequence_is_named(tmp_path):
    with (
        Client(f"file:{tmp_path / 'uma.db'}") as client,
        pytest.raises(TypeError, match="events must be a sequence of Event"),
    ):
        client.append(EVENT)
    with pytest.raises(TypeError, match="items must be a sequence of QueryItem"):
        Query(QueryItem())


def test_exception_of_generator_is_not_replaced():
    with pytest.raises(TypeError, match="^from the generator$"):
        Event("Enrolled", b"", tags=FailingIterator())


class FailingIterator:
    def __iter__(self):
        return self

    def __next__(self):
        raise TypeError("from the generator")


def test_path_is_not_a_url():
    with pytest.raises(ValueError, match="file:PATH for a directory"):
        Client("./uma.db")

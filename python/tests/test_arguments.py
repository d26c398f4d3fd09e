"""Tests that this package accepts every argument that the released one accepts, with the same result.

Both packages are called with unusual values for each argument.
"""

import json
import subprocess
import sys

import pytest
from documents import HERE, environment
from test_migration import PAGE, Package, old, old_environment, running_server  # noqa: F401, a fixture

pytestmark = pytest.mark.tools

TEXTS = """'A' '' Text('A') Name.A '\\0' '\u00e9' '\\ud800' b'A' None 1 pathlib.Path('A')""".split()
NUMBERS = """1 0 -1 2**32-1 2**32 2**63 2**64-1 2**64 True False Number(1) Level.ONE Index() Index(-1) 1.0 '1' None
    decimal.Decimal(1) fractions.Fraction(1) b'1'""".split()
LISTS = """[X]; (X,); Sequence([X]); collections.deque([X]); {X}; frozenset([X]); {X: 1}; iter([X]); (x for x in [X])
    {X: 1}.keys(); []; (); None; [None]; [1]; 'a'; ''; b''; b'a'; range(0); map(lambda x: x, [X]); array.array('i')
    types.MappingProxyType({X: 1})""".replace("\n", ";").split(";")
TRUTHS = """True False 1 0 None Truth() 'a' '' [] [1] Number(1) object()""".split()
DATA = """b'x'; b''; bytearray(b'x'); memoryview(b'x'); memoryview(b'xyz')[::2]; array.array('B', [1]); 'x'; [1, 2]
    (1, 2); array.array('i', [1]); array.array('i', [300]); [256]; [-1]; []; range(3); None; 5; iter([1])
    Sequence([1]); [True]; [Index()]; {1}; [1.0]; ['a']; Data(b'x')
    collections.deque([1])""".replace("\n", ";").split(";")
UUIDS = """ID None str(ID) MyUUID(int=5) ID.hex ID.bytes ID.int '' uuid.UUID(int=0) 'nonsense'""".split()
METADATA = """{}; None; {'a': 'b'}; {'a': 1}; {1: 'a'}; {'a': None}; [('a', 'b')]; types.MappingProxyType({'a': 'b'})
    collections.OrderedDict(a='b'); collections.UserDict(a='b'); collections.ChainMap({'a': 'b'}); {Name.A: Text('b')}
    'ab'; []; {'a'}; {b'a': b'b'}; collections.Counter(); {'': ''}""".replace("\n", ";").split(";")

# Calls for each set of values. V is replaced by a value, and X by an item of a list.
CALLS = [
    (TEXTS, "", "Event(V, b'')"),
    (TEXTS, "", "Event('A', b'', [V])"),
    (TEXTS, "", "QueryItem([V]) and QueryItem(tags=[V])"),
    (TEXTS, "", "TrackingInfo(V, 1).source"),
    (TEXTS, "", "client.get_tracking_info(V)"),
    (TEXTS, "", "client.check_health(V)"),
    (TEXTS, "", "list(client.read(Query([QueryItem([V])]), limit=1))"),
    (TEXTS, "", "bool(client.append([Event(V, b'')]))"),
    (NUMBERS, "", "TrackingInfo('a', V).position"),
    (NUMBERS, "", "AppendCondition(Query(), V) and 1"),
    (NUMBERS, "", "list(client.read(start=V, limit=2))"),
    (NUMBERS, "", "list(client.read(limit=V))[:1]"),
    (NUMBERS, "", "list(client.read(start=V, backwards=True, limit=1)) and 1"),
    (NUMBERS, "", "client.subscribe(after=V) and 1"),
    (NUMBERS, "", "Client(url, batch_size=V) and 1"),
    (NUMBERS, "", "bool(client.append([Event('T', b'')], None, TrackingInfo(repr(V), V)))"),
    (LISTS, "'t'", "Event('A', b'', V)"),
    (LISTS, "'t'", "list(client.read(Query([QueryItem(V)])))[:1]"),
    (LISTS, "'t'", "list(client.read(Query([QueryItem(None, V)])))[:1]"),
    (LISTS, "QueryItem()", "len(list(client.read(Query(V), limit=2)))"),
    (LISTS, "Event('A', b'')", "bool(client.append(V))"),
    (TRUTHS, "", "list(client.read(None, None, V, 1))[0].position == 1"),
    (DATA, "", "Event('A', V).data"),
    (DATA, "", "bool(client.append([Event('A', V)]))"),
    (UUIDS, "", "Event('A', b'', None, V)"),
    (UUIDS, "", "bool(client.append([Event('A', b'', uuid=V)]))"),
    (METADATA, "", "Event('A', b'', metadata=V)"),
    (METADATA, "", "bool(client.append([Event('A', b'', metadata=V)]))"),
]
OTHERS = """\
Event(data=b'', event_type='A')
Event('A', b'', [], None, {})
Event('A', b'', ['x', 'x'])
QueryItem(tags=['a'], types=['b']) and 1
QueryItem('a', types=[])
AppendCondition(after=1, fail_if_events_match=Query()) and 1
TrackingInfo(position=1, source='a').position
client.append(events=[], condition=None, tracking_info=None)
bool(client.append([Event('A', b'')], AppendCondition(Query([QueryItem(['nope'])]), None)))
client.read(query=None, start=None, backwards=False, limit=None) and 1
client.subscribe(None, None) and 1
client.subscribe(query=Query(), after=0) and 1
client.get_tracking_info(source='x')
client.check_health(service='')
client.check_health() == ServingStatus.SERVING
client.watch_health(service='') and 1
Client(url=Text(url), ca_path=None, batch_size=None, api_key=None).head() > 0
Client(url + '/').head() > 0
Client(url.upper()).head() > 0
Client(url.replace('http', 'grpc')).head() > 0
Client(url.replace('127.0.0.1', 'localhost')).head() > 0
Client(url + "/a/b").head()
Client(url + "?a=b").head()
Client(url + "#a").head()
Client(url.replace("//", "//user:word@")).head()
client.close() or client.close()
TrackingInfo('a', 1) == 1
IntegrityError('a').args[0]
run_server_from_args(None)
run_server_from_args('umadb')""".splitlines()
EXPRESSIONS = list(
    dict.fromkeys(
        [call.replace("V", v.strip().replace("X", item)) for values, item, call in CALLS for v in values]
        + OTHERS
    )
)


def is_error(answer):
    return answer == "Exception" or answer.endswith("Error")


@pytest.fixture(scope="module")
def answers(old, tmp_path_factory):  # noqa: F811
    """The answers of both packages to each expression, with the released server."""
    results = []
    released = Package(old, old_environment())
    for package in (released, Package(sys.executable, environment())):
        folder = tmp_path_factory.mktemp("arguments")
        with running_server(released, folder) as url:
            done = subprocess.run(
                [package.python, HERE / "data" / "arguments.py", url],
                cwd=folder,
                env=package.environment,
                input=json.dumps(EXPRESSIONS),
                capture_output=True,
                text=True,
                timeout=300,
            )
        assert done.returncode == 0, done.stderr
        results.append(dict(zip(EXPRESSIONS, json.loads(done.stdout), strict=True)))
    return results


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_argument_is_accepted_as_by_released_package(answers, expression):
    old_answer, new = (answer[expression] for answer in answers)
    if is_error(old_answer):
        return  # the new package may accept more
    if expression.startswith("Client(") and is_error(new):
        # The page lists what is rejected on purpose.
        assert f"| `{expression}` |" in PAGE.read_text(encoding="utf-8")
    else:
        assert new == old_answer

"""Tests that run the programs of the user's document, seed-python-client.md.

The copy in data/ must not be changed. Each program runs as a separate script, verbatim
except for ports.
"""

import ast
import hashlib

import pytest
from certificates import make_certificate
from documents import HERE, blocks, mask, run

import umadb
from umadb.pytest_plugin import run_server

SEED = HERE / "data" / "seed-python-client.md"
PYTHON = blocks(SEED, "python")

# The other blocks are signatures, tested by test_seed_words.py.
_, CONNECT, _, APPEND_EXAMPLE, _, READ_EXAMPLE, _, _, COMPLETE_EXAMPLE, TRACKING_EXAMPLE = (
    block.text for block in PYTHON
)

EVENT = "Event(event_type='example', data=b'Hello, world!', tags=['tag1', 'tag2'], uuid='UUID', metadata={})"
CONFLICT = (
    "Conflicting event was rejected: integrity error: the event at position {} matches the append condition "
    '(types ["example"], tags ["tag1" "tag2"]) after {}'
)
TRACKING_CONFLICT = (
    "Conflicting event was rejected: integrity error: non-increasing tracking position for source "
    '"upstream": {0} is not greater than {0}, which is recorded'
)

# The output of each example in a new store, and when it runs again in the same store. The
# example that subscribes waits for an event, so it runs after one that appends.
EXPECTED = {
    "append": [
        (
            APPEND_EXAMPLE,
            f"""\
Last known position: None
Appended at: 1
{CONFLICT.format(1, 0)}
Idempotent retry returned position: 1
""",
        ),
        (
            APPEND_EXAMPLE,
            f"""\
Existing event at 1: {EVENT}
Last known position: 1
Appended at: 2
{CONFLICT.format(2, 1)}
Idempotent retry returned position: 2
""",
        ),
    ],
    "read": [
        (APPEND_EXAMPLE, None),
        (
            READ_EXAMPLE,
            f"""\
Got event at position 1: {EVENT}
Last known position: 1
New event: 1 {EVENT}
""",
        ),
    ],
    "complete": [
        (
            COMPLETE_EXAMPLE,
            f"""\
Last known position is: None
Appended event at position: 1
{CONFLICT.format(1, 0)}
Retrying to append event at position: None
Append returned same commit position: 1
Processing event at 1: {EVENT}
Projection has processed new event!
""",
        ),
        (
            COMPLETE_EXAMPLE,
            f"""\
Got event at position 1: {EVENT}
Last known position is: 1
Appended event at position: 2
{CONFLICT.format(2, 1)}
Retrying to append event at position: 1
Append returned same commit position: 2
Processing event at 1: {EVENT}
Processing event at 2: {EVENT}
Projection has processed new event!
""",
        ),
    ],
    "tracking": [
        (
            TRACKING_EXAMPLE,
            f"""\
Last known position is: None
Appended event at position: 1
Retrying to append event at position: None
Append returned same commit position: 1
{TRACKING_CONFLICT.format(1)}
""",
        ),
        (
            TRACKING_EXAMPLE,
            f"""\
Got event at position 1: {EVENT}
Last known position is: 1
Appended event at position: 2
Retrying to append event at position: 1
Append returned same commit position: 2
{TRACKING_CONFLICT.format(2)}
""",
        ),
    ],
}


def test_document_is_unchanged():
    digest = hashlib.sha256(SEED.read_bytes()).hexdigest()
    assert digest == "d672c87fc238300133ceb394f16ceae27d80dce9ce129d907dd74b97c169034a"


@pytest.mark.parametrize("example", EXPECTED)
def test_examples_with_a_server(example, tmp_path):
    with run_server(tmp_path / "uma.db") as url:
        for text, expected in EXPECTED[example]:
            printed = run(text.replace(":50051", url[url.rindex(":") :]), tmp_path)
            assert expected is None or mask(printed) == expected


@pytest.mark.parametrize("example", EXPECTED)
def test_examples_with_an_embedded_store(example, tmp_path):
    for text, expected in EXPECTED[example]:
        printed = run(text.replace("http://localhost:50051", "file:./uma.db"), tmp_path)
        assert expected is None or mask(printed) == expected


# Connecting: each statement runs alone, verbatim except for host and port.

KEY = "umadb:example-api-key-4f7c2b1d9e5f4a038c1a"
SUBJECTS = ["plain", "system CAs", "ca_path", "key", "key and batch size"]


@pytest.mark.parametrize("index, subject", list(enumerate(SUBJECTS)), ids=SUBJECTS)
def test_connection_examples(index, subject, tmp_path):
    first, *statements = ast.parse(CONNECT).body
    assert ast.unparse(first) == "from umadb import Client"
    assert len(statements) == len(SUBJECTS)
    text = ast.get_source_segment(CONNECT, statements[index])
    arguments, variables = [], {}
    if subject != "plain":
        certificate, key = make_certificate(tmp_path)  # named server.pem, as in the examples
        arguments = ["--tls-cert", str(certificate), "--tls-key", str(key)]
    if subject == "system CAs":
        variables = {"SSL_CERT_FILE": str(certificate)}
    if subject.startswith("key"):
        assert KEY in text
        arguments += ["--api-key", KEY]
    with run_server(tmp_path / "uma.db", *arguments) as url:
        host = "localhost:" + url.rsplit(":", 1)[1]
        text = text.replace("localhost:50051", host).replace("example.com:50051", host)
        assert text.count(host) == 1
        assert (
            run(f"from umadb import Client\n{text}\nprint(client.head())\n", tmp_path, **variables)
            == "None\n"
        )


def test_api_keys_must_match(tmp_path):
    certificate, key = make_certificate(tmp_path)
    with run_server(
        tmp_path / "uma.db", "--tls-cert", str(certificate), "--tls-key", str(key), "--api-key", KEY
    ) as url:
        for wrong in (KEY + "x", None):
            with (
                pytest.raises(umadb.AuthenticationError),
                umadb.Client(url, str(certificate), wrong) as client,
            ):
                client.head()

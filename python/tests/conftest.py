"""Fixtures: tests of behaviour run with a store of each kind.

The kinds are an embedded store, one in memory, the server of this project, and the released Rust server,
whose program is named by the environment variable UMADB_TEST_RUST_SERVER. Without the
variable, tests with that server are skipped, or fail if UMADB_TEST_INTEROP is "required".

With UMADB_TEST_LONG=1, tests marked slow run at full length.
"""

import inspect
import os
import signal

import pytest
from processes import reserved_port
from stores import KINDS, open_store

# Tests that the released server fails although they are not marked better, and why.
DIFFERENCES = {
    "test_a_type_and_tags_may_be_long": "its events must fit into a page",
    "test_many_tags_and_metadata": "its events must fit into a page",
    "test_65535_tags_are_accepted": "its events must fit into a page",
    "test_an_append_that_repeats_a_uuid_is_never_a_retry": "it treats the append as a retry",
    "test_subscription_after_the_greatest_position_waits": "it ends the subscription",
}


def pytest_configure(config):
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # In the background SIGINT is ignored, and processes inherit that unless it is handled here.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line(
        "markers", "better: an improvement over the released server"
    )
    config.addinivalue_line("markers", "tools: requires other programs: type checkers, adaptors, pip and others")
    config.addinivalue_line("markers", "slow: takes a long time at full length, with UMADB_TEST_LONG=1")


def pytest_generate_tests(metafunc):
    if "store" not in metafunc.fixturenames:
        return
    connects = "store" in inspect.signature(metafunc.function).parameters
    several = connects and not getattr(metafunc.function, "one_client", False)
    kinds = []
    for kind in KINDS:
        marks = []
        if kind == "memory" and several:
            continue  # each client has a store of its own
        if kind == "rust":
            reason = DIFFERENCES.get(metafunc.function.__name__)
            if reason is None and metafunc.definition.get_closest_marker("better"):
                reason = "an improvement of this project"
            if reason:
                marks = [pytest.mark.skip(reason=reason)]
        kinds.append(pytest.param(kind, marks=marks))
    metafunc.parametrize("store", kinds, indirect=True)


@pytest.fixture
def store(request, tmp_path):
    """An empty store of each kind, whose connect() returns a Client."""
    kind = request.param
    if kind == "rust" and "UMADB_TEST_RUST_SERVER" not in os.environ:
        if os.environ.get("UMADB_TEST_INTEROP") == "required":
            pytest.fail("UMADB_TEST_RUST_SERVER does not name the released server")
        pytest.skip("UMADB_TEST_RUST_SERVER does not name the released server")
    with open_store(kind, tmp_path) as opened:
        yield opened


@pytest.fixture
def port():
    """A reserved port on which nothing listens."""
    with reserved_port() as number:
        yield number


@pytest.fixture
def client(store):
    """A Client of an empty store of each kind."""
    with store.connect() as client:
        yield client

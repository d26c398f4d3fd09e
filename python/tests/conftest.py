"""Fixtures: every test of behaviour runs over a store of each kind.

The kinds are an embedded store, a server of ours, and the released Rust server, whose
program the environment variable UMADB_TEST_RUST_SERVER names. Without it the latter tests
are skipped, or fail if UMADB_TEST_INTEROP is "required".

Environment: UMADB_TEST_LONG=1 runs the tests marked slow at full length.
"""

import os

import pytest
from stores import KINDS, open_store

# What the released server does otherwise, and SEMANTICS does not call better: by test.
OTHERWISE = {
    "test_a_type_and_tags_may_be_long": "its events must fit a page",
    "test_many_tags_and_metadata": "its events must fit a page",
    "test_65535_tags_are_accepted": "its events must fit a page",
    "test_an_append_that_repeats_a_uuid_is_never_a_retry": "it takes one for a retry",
    "test_after_the_greatest_position_nothing_ever_comes": "it ends that subscription",
}


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "better: a rule in which this project does better than the released server"
    )
    config.addinivalue_line("markers", "tools: needs programs besides the package: type checkers, adaptors, peers")
    config.addinivalue_line("markers", "slow: takes long at full length, with UMADB_TEST_LONG=1")


def pytest_generate_tests(metafunc):
    if "store" not in metafunc.fixturenames:
        return
    kinds = []
    for kind in KINDS:
        marks = []
        if kind == "rust":
            reason = OTHERWISE.get(metafunc.function.__name__)
            if reason is None and metafunc.definition.get_closest_marker("better"):
                reason = "only this project does so"
            if reason:
                marks = [pytest.mark.skip(reason=reason)]
        kinds.append(pytest.param(kind, marks=marks))
    metafunc.parametrize("store", kinds, indirect=True)


@pytest.fixture
def store(request, tmp_path):
    """An empty store of a kind: its connect() makes a Client."""
    kind = request.param
    if kind == "rust" and "UMADB_TEST_RUST_SERVER" not in os.environ:
        if os.environ.get("UMADB_TEST_INTEROP") == "required":
            pytest.fail("UMADB_TEST_RUST_SERVER does not name the released server")
        pytest.skip("UMADB_TEST_RUST_SERVER does not name the released server")
    with open_store(kind, tmp_path) as opened:
        yield opened


@pytest.fixture
def client(store):
    """A Client of an empty store of each kind."""
    with store.connect() as client:
        yield client

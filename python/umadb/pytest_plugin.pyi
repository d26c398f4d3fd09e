import os
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from umadb import Client

__all__ = ["run_server", "umadb_client", "umadb_remote_client", "umadb_server"]

def run_server(path: str | os.PathLike[str], *args: str) -> AbstractContextManager[str]: ...
@pytest.fixture
def umadb_client() -> Iterator[Client]: ...
@pytest.fixture
def umadb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]: ...
@pytest.fixture
def umadb_remote_client(umadb_server: str) -> Iterator[Client]: ...

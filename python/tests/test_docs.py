"""The documents on the package are followed from top to bottom."""

import builtins
import re

import pytest
from documents import PACKAGE, REPOSITORY, tables
from terminal import Reader

import umadb

DOCUMENTS = [
    PACKAGE / "README.md",
    REPOSITORY / "docs" / "python-recipes.md",
    REPOSITORY / "docs" / "python-migration.md",
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_following(document, tmp_path):
    Reader(tmp_path).follow(document)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links(document):
    for target in re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (document.parent / target).exists(), target


def test_the_table_of_errors():
    (rows,) = [rows for heading, _, rows in tables(PACKAGE / "README.md") if heading == "Errors"]

    def named(cell):
        name = cell.strip("`")
        return getattr(umadb, name, None) or getattr(builtins, name)

    for name, base, _ in rows:
        assert issubclass(named(name), named(base)), name
    ours = [name for name in umadb.__all__ if name.endswith("Error")]
    assert set(ours) <= {name.strip("`") for name, _, _ in rows}

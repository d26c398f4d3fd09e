"""Tests that execute the documents about the package."""

import builtins
import re

import pytest
from documents import PACKAGE, REPOSITORY, tables
from terminal import DocumentRunner

import umadb

DOCUMENTS = [
    PACKAGE / "README.md",
    REPOSITORY / "docs" / "python-recipes.md",
    REPOSITORY / "docs" / "python-migration.md",
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_document(document, tmp_path):
    DocumentRunner(tmp_path).run(document)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links(document):
    for target in re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (document.parent / target).exists(), target


def test_table_of_errors():
    (rows,) = [rows for heading, _, rows in tables(PACKAGE / "README.md") if heading == "Errors"]

    def exception_class(cell):
        name = cell.strip("`")
        return getattr(umadb, name, None) or getattr(builtins, name)

    for name, base, _ in rows:
        assert issubclass(exception_class(name), exception_class(base)), name
    errors = [name for name in umadb.__all__ if name.endswith("Error")]
    assert set(errors) <= {name.strip("`") for name, _, _ in rows}

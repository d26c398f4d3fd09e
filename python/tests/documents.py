"""Helpers for the tests of documents: code blocks, tables, and running programs."""

import os
import pathlib
import re
import subprocess
import sys
from dataclasses import dataclass

import pytest

import umadb

HERE = pathlib.Path(__file__).parent
PACKAGE = HERE.parent
REPOSITORY = PACKAGE.parent

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass
class Block:
    """A fenced block of a document."""

    language: str
    name: str  # the text after the language
    line: int  # line number of the first line of text
    text: str


@dataclass
class Comment:
    """A comment with an instruction for the test: ``<!-- Ctrl-C: server -->``."""

    text: str
    line: int


def parts(path):
    """Return the blocks and comments of a document in order."""
    found, block = [], None
    for number, line in enumerate(pathlib.Path(path).read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            if block is None:
                language, _, name = line[3:].partition(" ")
                block = Block(language, name, number + 1, "")
            else:
                found.append(block)
                block = None
        elif block is not None:
            block.text += line + "\n"
        elif match := re.fullmatch(r"<!-- (.*) -->", line):
            found.append(Comment(match[1], number))
    assert block is None, f"the block in line {block and block.line} of {path} is not closed"
    return found


def blocks(path, language=None):
    """Return the blocks of a document, or those in one language."""
    return [p for p in parts(path) if isinstance(p, Block) and language in (None, p.language)]


def tables(path):
    """Return the tables of a document as (heading, header, rows), each row a list of cells."""
    found, heading, rows = [], "", []
    for line in [*pathlib.Path(path).read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
            continue
        if rows:
            found.append((heading, rows[0], rows[2:]))
            rows = []
        if line.startswith("#"):
            heading = line.lstrip("# ")
    return found


def mask(text):
    """Replace each UUID by the word UUID."""
    return UUID.sub("UUID", text)


def environment(**more):
    """Return an environment in which programs import the package under test."""
    package = pathlib.Path(umadb.__file__).parent.parent
    path = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", **more}


def run(text, folder, **more):
    """Run a program and return its output.

    Args:
        text: the program (str).
        folder: its working directory (str or os.PathLike).
        more: additional environment variables (str).
    """
    program = pathlib.Path(folder, "program.py")
    program.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, program.name],
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def missing(what):
    """Skip the test because something is missing, or fail if nothing may be skipped."""
    if os.environ.get("UMADB_TEST_INTEROP") == "required":
        pytest.fail(f"{what}, and UMADB_TEST_INTEROP=required")
    pytest.skip(what)

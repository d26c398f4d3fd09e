"""Follows a document from top to bottom, in an empty folder.

What stands behind the three backticks says what is done with a block, as in docs/README.md:
``sh`` is typed, ``sh NAME`` into another terminal where it goes on running, ``text`` and
``text NAME`` are compared with what was printed, ``python FILE`` is saved, and ``python``
alone is run.
"""

import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess
import sys
import time

from documents import Comment, environment, parts

# Installing and cloning is left out: what it would bring is here.
LEFT_OUT = re.compile(r"(pip|git clone|python3? -m venv|cd umadb|apt-get|\. ?venv|export PATH).*")

# What in the text of a document stands for more than itself.
ANY = [
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", r"[0-9a-f-]{36}"),  # a UUID
    (r"in \d+\.\d+s", r"in \\d+\.\\d+s"),  # what pytest took
    ("…", ".*"),
]


def pattern(text):
    """Make a regular expression of a text block."""
    lines = []
    for line in text.splitlines(keepends=True):
        if line == "…\n":
            lines.append(r"(?s:.*\n)?")
            continue
        parts_of_line, pieces = re.split("|".join(f"({p})" for p, _ in ANY), line), []
        for part in filter(None, parts_of_line):
            replacement = next((r for p, r in ANY if re.fullmatch(p, part)), None)
            pieces.append(replacement.replace("\\\\", "\\") if replacement else re.escape(part))
        lines.append("".join(pieces))
    return "".join(lines)


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return str(listening.getsockname()[1])


class Reader:
    """Somebody who follows a document."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.ports = {port: free_port() for port in ("50051", "50052")}
        self.printed = None  # by the last block in the main terminal
        self.others = {}  # terminals by name: (process, log)
        commands = self.folder / ".commands"
        commands.mkdir()
        for name, command in {
            "umadb": "-m umadb",
            "python": "",
            "python3": "",
            "pytest": "-m pytest -p no:cacheprovider",
        }.items():
            program = commands / name
            program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {command} "$@"\n')
            program.chmod(0o755)
        self.environment = environment(
            PATH=f"{commands}{os.pathsep}{os.environ['PATH']}",
            UMADB_LISTEN=f"127.0.0.1:{self.ports['50051']}",
            UMADB_URL=f"http://127.0.0.1:{self.ports['50051']}",
            PYTHONDONTWRITEBYTECODE="1",
        )
        # The tests in a document are run as if by someone who has only this document.
        self.environment.pop("PYTEST_ADDOPTS", None)

    def follow(self, document):
        """Do all that a document says."""
        try:
            for part in parts(document):
                try:
                    self.do(part)
                except AssertionError as error:
                    raise AssertionError(f"{document}:{part.line}: {error}") from None
            for name in list(self.others):
                self.interrupt(name)
        finally:
            for process, _ in self.others.values():
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def do(self, part):
        if isinstance(part, Comment):
            if part.text.startswith("Ctrl-C: "):
                self.interrupt(part.text.removeprefix("Ctrl-C: "))
            return
        text = part.text
        for port, free in self.ports.items():
            text = text.replace(port, free)
        if part.language == "sh" and part.name:
            self.start(part.name, text)
        elif part.language == "sh":
            self.type(text)
        elif part.language == "python":
            program = self.folder / (part.name or f"block{part.line}.py")
            program.write_text(text, encoding="utf-8")
            if not part.name:
                self.type(f"python {program.name}")
        elif part.language == "text" and part.name:
            self.await_text(part.name, text)
        elif part.language == "text":
            assert self.printed is not None, "nothing was printed before this block"
            assert re.fullmatch(pattern(text), self.printed), f"this was printed:\n{self.printed}"

    def type(self, text):
        """Run a script in the main terminal."""
        lines = [line for line in text.splitlines() if not LEFT_OUT.match(line)]
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(lines)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"exit code {done.returncode}:\n{done.stdout}"
        self.printed = done.stdout

    def start(self, name, text):
        """Type into another terminal."""
        if name in self.others:
            self.interrupt(name)
        log = self.folder / f".{name.replace(' ', '-')}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                ["bash", "-c", text],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.others[name] = process, log
        if name.endswith("server"):
            port = self.ports["50052"] if self.ports["50052"] in text else self.ports["50051"]
            self.wait_for(
                lambda: listens(port), lambda: f"nothing listens; {name} printed:\n{log.read_text()}"
            )

    def await_text(self, name, text):
        """Wait until another terminal has printed what a block says, and nothing else."""
        _, log = self.others[name]
        self.wait_for(
            lambda: re.fullmatch(pattern(text), log.read_text()),
            lambda: f"{name} printed:\n{log.read_text()}",
        )

    def interrupt(self, name):
        """Press Ctrl-C in another terminal and wait for its program to end."""
        process, _ = self.others[name]
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=10)
        del self.others[name]

    @staticmethod
    def wait_for(condition, otherwise):
        deadline = time.monotonic() + 15
        while not condition():
            assert time.monotonic() < deadline, otherwise()
            time.sleep(0.05)


def listens(port):
    with socket.socket() as probing:
        return probing.connect_ex(("127.0.0.1", int(port))) == 0

"""Executes the code blocks of a document from top to bottom, in an empty directory.

The text after the three backticks decides what is done with a block, as docs/README.md
describes: ``sh`` runs in the main terminal, ``sh NAME`` keeps running in another terminal,
``text`` and ``text NAME`` are compared with the output, ``python FILE`` is saved, and
``python`` is run.
"""

import contextlib
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time

from documents import Comment, environment, parts
from processes import STARTED, reserved_port

# Lines that install or clone something are skipped: it is installed already.
SKIPPED = re.compile(r"(pip|git clone|python3? -m venv|cd umadb|apt-get|\. ?venv|export PATH).*")

# Text in a document that matches variable output: (the text, the pattern that it matches).
PLACEHOLDERS = [
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", r"[0-9a-f-]{36}"),  # a UUID
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", r"\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?Z"),
    (r"in \d+\.\d+s", r"in \\d+\.\\d+s"),  # the duration of a pytest run
    ("…", ".*"),
]


def pattern(text):
    """Return the regular expression for a text block."""
    lines = []
    for line in text.splitlines(keepends=True):
        if line == "…\n":
            lines.append(r"(?s:.*\n)?")
            continue
        parts_of_line, pieces = re.split("|".join(f"({p})" for p, _ in PLACEHOLDERS), line), []
        for part in filter(None, parts_of_line):
            replacement = next((r for p, r in PLACEHOLDERS if re.fullmatch(p, part)), None)
            pieces.append(replacement.replace("\\\\", "\\") if replacement else re.escape(part))
        lines.append("".join(pieces))
    return "".join(lines)


class DocumentRunner:
    """Executes a document."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.reservations = contextlib.ExitStack()
        self.ports = {
            port: str(self.reservations.enter_context(reserved_port())) for port in ("50051", "50052")
        }
        self.output = None  # of the last block in the main terminal
        self.terminals = {}  # other terminals by name: (process, log)
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
        # The tests in a document run with pytest's defaults.
        self.environment.pop("PYTEST_ADDOPTS", None)

    def run(self, document):
        """Execute all blocks of a document."""
        try:
            for part in parts(document):
                try:
                    self.execute(part)
                except AssertionError as error:
                    raise AssertionError(f"{document}:{part.line}: {error}") from None
            for name in list(self.terminals):
                self.interrupt(name)
        finally:
            for process, _ in self.terminals.values():
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            self.reservations.close()

    def execute(self, part):
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
            assert self.output is not None, "there is no output before this block"
            assert re.fullmatch(pattern(text), self.output), f"the output is:\n{self.output}"

    def type(self, text):
        """Run a script in the main terminal."""
        lines = [line for line in text.splitlines() if not SKIPPED.match(line)]
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
        self.output = done.stdout

    def start(self, name, text):
        """Run a script in another terminal."""
        if name in self.terminals:
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
        self.terminals[name] = process, log
        if name.endswith("server"):
            self.wait_for(
                lambda: STARTED in log.read_text() or process.poll() is not None,
                lambda: f"the server has not started; {name} printed:\n{log.read_text()}",
            )
            assert process.poll() is None, f"the server has exited; {name} printed:\n{log.read_text()}"

    def await_text(self, name, text):
        """Wait until the output of another terminal matches a block."""
        _, log = self.terminals[name]
        self.wait_for(
            lambda: re.fullmatch(pattern(text), log.read_text()),
            lambda: f"{name} printed:\n{log.read_text()}",
        )

    def interrupt(self, name):
        """Send SIGINT to the program in another terminal and wait for it to exit."""
        process, _ = self.terminals[name]
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=10)
        del self.terminals[name]

    @staticmethod
    def wait_for(condition, message):
        deadline = time.monotonic() + 15
        while not condition():
            assert time.monotonic() < deadline, message()
            time.sleep(0.05)

"""Compares the package umadb with the released one, each with its own server.

    python run.py OURS RELEASED [--rounds 5] [--output FILE.md]

OURS and RELEASED are directories with bin/python and bin/umadb, such as virtual
environments. Rounds are interleaved: each workload runs with one pair, then with the
other, in alternating order. Every server starts with a store of the same 50,000 events.
The table contains medians and ratios of medians.
"""

import argparse
import contextlib
import datetime
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
WORK = os.path.join(HERE, "work.py")
sys.path.append(os.path.join(HERE, "..", "..", "python", "tests"))

from processes import reserved_port, wait_until_started  # noqa: E402

# Name, count, unit, target ratio, title.
WORKLOADS = [
    ("iterate", 500_000, "events", 2.0, "iterate a full read"),
    ("touch", 300_000, "events", 1.3, "iterate and touch every field"),
    ("read_tag", 5_000, "reads", 2.0, "read 10 events by tag, 1 thread"),
    ("read_tag_threads", 8_000, "reads", 2.0, "read 10 events by tag, 4 threads"),
    ("append_one", 1_000, "appends", 1.2, "append 1 event, 1 thread"),
    ("append_threads", 24_000, "appends", 1.2, "append 1 event, 16 threads"),
    ("append_lists", 60, "appends", 3.0, "append lists of 1,000 events"),
]
EMBEDDED = [
    ("decide", 2_000, "decisions", "read the head, append 1 event on condition"),
    ("read_tag", 20_000, "reads", "read 10 events by tag"),
]


@contextlib.contextmanager
def server(where):
    """Run the server of an environment with an empty store."""
    with tempfile.TemporaryDirectory() as directory, reserved_port() as port:
        command = [f"{where}/bin/umadb", "--listen", f"127.0.0.1:{port}", "--db-path", directory + "/store"]
        os.mkdir(directory + "/store")
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            try:
                wait_until_started(process)
                yield f"http://127.0.0.1:{port}", process.pid
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait()


def cpu_of(pid):
    """Return the CPU seconds that a process has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def work(where, url, name, count):
    """Run a workload in its own process."""
    command = [f"{where}/bin/python", WORK, url, name, str(count)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(where, name, count):
    """Return the result of a workload, with the CPU seconds of client and server."""
    with server(where) as (url, pid):
        work(where, url, "fill", 50_000)
        before = cpu_of(pid)
        result = work(where, url, name, count)
        result["server_cpu"] = cpu_of(pid) - before
        return result


def median(results, number):
    """Return the median of a number of each result."""
    return statistics.median(number(result) for result in results)


def rate(result):
    """Return the units per second."""
    return result["done"] / result["seconds"]


def cost(result):
    """Return the CPU microseconds per unit, client and server together."""
    return 1e6 * (result["cpu"] + result.get("server_cpu", 0)) / result["done"]


def row(*cells):
    """Return a row of a table."""
    return f"| {' | '.join(cells)} |"


def remote(ours, released, rounds):
    """Yield the rows of the table for servers."""
    for name, count, unit, target, title in WORKLOADS:
        results = {ours: [], released: []}
        for number in range(rounds):
            for where in (ours, released) if number % 2 == 0 else (released, ours):
                results[where].append(measure(where, name, count))
        a, b = median(results[ours], rate), median(results[released], rate)
        c, d = median(results[ours], cost), median(results[released], cost)
        missed = "" if a / b >= target else " (missed)"
        rates = f"{a:,.0f}", f"{b:,.0f}", f"{a / b:.2f}", f"{target}{missed}"
        yield row(title, unit, *rates, f"{c:,.1f}", f"{d:,.1f}", f"{d / c:.2f}")


def embedded(ours, rounds):
    """Yield the rows of the table for the embedded store."""
    for name, count, unit, title in EMBEDDED:
        results = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as directory:
                results.append(work(ours, "file:" + directory + "/store", name, count))
        remote_results = [measure(ours, name, count // 4) for _ in range(rounds)]
        both = (results, remote_results)
        yield row(title, unit, *(f"{median(r, rate):,.0f}" for r in both), *(f"{median(r, cost):,.1f}" for r in both))


def machine():
    """Describe this machine."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
        model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "unknown")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    system = f"{platform.system()} {platform.release().split('-')[0]}, Python {platform.python_version()}"
    return f"{os.cpu_count()} CPUs ({model}), {memory:.0f} GiB, {system}"


def main():
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ours")
    parser.add_argument("released")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output")
    options = parser.parse_args()
    versions = [
        subprocess.run(
            [f"{where}/bin/python", "-c", "import importlib.metadata as m; print(m.version('umadb'))"],
            check=True, capture_output=True, text=True,
        ).stdout.strip()
        for where in (options.ours, options.released)
    ]
    lines = [
        "# The Python package compared with the released one",
        "",
        f"`python bench/python/run.py OURS RELEASED --rounds {options.rounds}`, {datetime.date.today()}: {machine()}.",
        f"Ours {versions[0]} with our server; released (PyPI) {versions[1]} with its server. Client and server share",
        "the machine. Medians; rates are per second of wall time, CPU is microseconds per unit, client and server",
        "together.",
        "",
        "| | unit | ours/s | released/s | ratio | target | CPU ours | CPU released | ratio |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for line in remote(options.ours, options.released, options.rounds):
        lines.append(line)
        print(line, file=sys.stderr)
    lines += [
        "",
        "Embedded store, compared with our server:",
        "",
        "| | unit | embedded/s | server/s | CPU embedded | CPU server |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for line in embedded(options.ours, options.rounds):
        lines.append(line)
        print(line, file=sys.stderr)
    text = "\n".join(lines) + "\n"
    if options.output:
        with open(options.output, "w", encoding="utf-8") as file:
            file.write(text)
    else:
        print(text)


if __name__ == "__main__":
    main()

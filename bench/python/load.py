"""Appends one event at a time to a server, for the benchmark in Go: python load.py URL THREADS WARMUP DURATION BYTES.

Prints a line at the start of the measured time, one at its end, and then one JSON object: the
seconds between them, the latencies in microseconds of the appends that ended between them, and the number
of all appends. Works with any package called umadb.
"""

import json
import sys
import threading
import time

from umadb import Client, Event


class Caller(threading.Thread):
    """Appends one event after another; all threads share the client."""

    def __init__(self, client, number, data):
        """Prepare the caller with a number."""
        super().__init__(daemon=True)
        self.client, self.number, self.data = client, number, data
        self.stopping = False
        self.ended = []  # the end and the duration of each append
        self.failure = None

    def run(self):
        """Append until the caller is stopped."""
        try:
            while not self.stopping:
                order = self.number * 10**10 + len(self.ended)
                began = time.perf_counter()
                self.client.append(
                    [Event("OrderShipped", self.data, [f"customer:{order % 20_000:011}", f"order:{order:014}"])]
                )
                end = time.perf_counter()
                self.ended.append((end, end - began))
        except Exception as error:
            self.failure = error


def mark(name):
    """Print a line now and return the time."""
    print(name, flush=True)
    return time.perf_counter()


def main():
    """Append in threads and print the result."""
    url, number, warmup, duration, size = sys.argv[1], *map(float, sys.argv[2:6])
    client = Client(url)
    callers = [Caller(client, i, bytes(i % 251 for i in range(int(size)))) for i in range(int(number))]
    for caller in callers:
        caller.start()
    time.sleep(warmup)
    begin = mark("begin")
    time.sleep(duration)
    end = mark("end")
    for caller in callers:
        caller.stopping = True
    for caller in callers:
        caller.join()
        if caller.failure:
            raise caller.failure
    appends = [each for caller in callers for each in caller.ended]
    latencies = [round(took * 1e6) for at, took in appends if begin <= at < end]
    print(json.dumps({"seconds": end - begin, "latencies_us": latencies, "appended": len(appends)}))


if __name__ == "__main__":
    main()

"""Runs one workload on one store: python work.py URL NAME COUNT.

Prints one JSON object: the number of units, the seconds that they took, and the CPU
seconds of this process. Works with any package called umadb.
"""

import json
import resource
import sys
import threading
import time

from umadb import AppendCondition, Client, Event, Query, QueryItem

LIST = 1000


def event(number):
    """Return an event of 200 bytes with three tags; each course has ten events."""
    return Event("StudentEnrolled", b"x" * 200, [f"course:{number // 10}", f"student:{number % 977}", "term:1"])


def course(number):
    """Return the query for one course."""
    return Query([QueryItem(tags=[f"course:{number}"])])


def fill(client, count):
    """Append events in lists."""
    for first in range(0, count, LIST):
        client.append([event(number) for number in range(first, first + LIST)])


def iterate(client, count):
    """Read everything without accessing a field."""
    done = 0
    while done < count:
        for _ in client.read():
            done += 1
    return done


def touch(client, count):
    """Read everything and access every field."""
    done = 0
    while done < count:
        for sequenced in client.read():
            stored = sequenced.event
            _ = sequenced.position, stored.event_type, stored.data, stored.tags, stored.uuid, stored.metadata
            done += 1
    return done


def read_tag(client, count):
    """Read the ten events of one course after another."""
    for number in range(count):
        assert len(list(client.read(course(number * 7919 % 5000)))) == 10
    return count


def append_one(client, count):
    """Append one event at a time."""
    for number in range(count):
        client.append([event(number)])
    return count


def in_threads(workload, client, count, number):
    """Run a workload in several threads, which share the count."""
    each = count // number
    threads = [threading.Thread(target=workload, args=(client, each)) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return each * number


def read_tag_threads(client, count):
    """Read the ten events of one course after another, in 4 threads."""
    return in_threads(read_tag, client, count, 4)


def append_threads(client, count):
    """Append one event at a time, in 16 threads."""
    return in_threads(append_one, client, count, 16)


def append_lists(client, count):
    """Append lists of events, which are made before the time is measured."""
    lists = [[event(number) for number in range(LIST)] for _ in range(count)]
    start = time.perf_counter()
    for events in lists:
        client.append(events)
    return count, time.perf_counter() - start


def decide(client, count):
    """Read the head for a new course and append one event on condition."""
    for number in range(count):
        query = course(f"new-{number}")
        head = client.read(query).head()
        client.append([Event("StudentEnrolled", b"x" * 200, [f"course:new-{number}"])], AppendCondition(query, head))
    return count


def main():
    """Run one workload."""
    url, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    client = Client(url)
    if url.startswith("file:"):
        fill(client, 50_000)
    used = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    done = globals()[name](client, count)
    took = time.perf_counter() - start
    if isinstance(done, tuple):
        done, took = done
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    print(json.dumps({"done": done or 0, "seconds": took, "cpu": cpu}))


if __name__ == "__main__":
    main()

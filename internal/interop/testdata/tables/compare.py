"""Compares tables, as DuckDB, pandas and polars read them, with the events of a store.

    compare.py FOLDER

The folder has expected.ndjson, events.parquet, events.csv and events.csv.zst.
"""

import base64
import datetime
import itertools
import json
import os
import sys

import duckdb
import pandas
import polars

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def expected():
    """Yield each event of the store as a tuple."""
    with open("expected.ndjson", encoding="utf-8") as lines:
        for line in lines:
            e = json.loads(line)
            metadata = [(m["Key"], m["Value"]) for m in e["metadata"] or []]
            tracking = e["tracking"] or {"Source": None, "Position": None}
            yield (
                e["position"],
                e["recorded_at"],
                e["type"],
                e["tags"] or [],
                e["uuid"] or None,
                metadata,
                base64.b64decode(e["data"] or ""),
                tracking["Source"],
                tracking["Position"],
            )


def micros(time):
    """Return a time in microseconds."""
    if isinstance(time, str):
        time = datetime.datetime.fromisoformat(time.replace("Z", "+00:00"))
    return (time - EPOCH) // datetime.timedelta(microseconds=1)


def from_csv(row):
    """Return the event of a row of CSV, whose values are str or None."""
    position, at, event_type, tags, uuid, metadata, data, encoding, source, tracking = row
    assert encoding in ("text", "base64"), encoding
    data = data.encode() if encoding == "text" else base64.b64decode(data)
    metadata = json.loads(metadata, object_pairs_hook=list) or []
    tracking = int(tracking) if tracking else None
    event = (int(position), micros(at), event_type, json.loads(tags), uuid or None, metadata, data)
    return (*event, source or None, tracking)


def duckdb_rows(query):
    """Yield the rows of a query."""
    result = duckdb.connect().execute(query)
    while rows := result.fetchmany(10_000):
        yield from rows


def duckdb_parquet():
    for row in duckdb_rows(
        "SELECT position, epoch_us(recorded_at), type, tags, uuid, map_entries(metadata), data, tracking_source,"
        " tracking_position FROM 'events.parquet'"
    ):
        yield (*row[:5], [(m["key"], m["value"]) for m in row[5]], *row[6:])


def duckdb_csv(name):
    options = "header = true, all_varchar = true, allow_quoted_nulls = false, max_line_size = 10000000"
    yield from map(from_csv, duckdb_rows(f"SELECT * FROM read_csv('{name}', {options})"))


def pandas_parquet():
    frame = pandas.read_parquet("events.parquet", dtype_backend="pyarrow")
    for row in frame.itertuples(index=False):
        position, at, event_type, tags, uuid, metadata, data, source, tracking = (
            None if value is pandas.NA else value for value in row
        )
        yield (position, micros(at), event_type, list(tags), uuid, list(metadata), data, source, tracking)


def pandas_csv():
    with open("events.csv", encoding="utf-8", newline="") as file:
        frame = pandas.read_csv(file, dtype=str, keep_default_na=False)
    yield from map(from_csv, frame.itertuples(index=False))


def polars_parquet():
    frame = polars.read_parquet("events.parquet")
    for position, at, event_type, tags, uuid, metadata, data, source, tracking in frame.iter_rows():
        if isinstance(metadata, dict):
            metadata = metadata.items()
        pairs = [tuple(m.values()) if isinstance(m, dict) else tuple(m) for m in metadata]
        yield (position, micros(at), event_type, tags, uuid, pairs, data, source, tracking)


def polars_csv():
    frame = polars.read_csv("events.csv", infer_schema=False)
    yield from map(from_csv, frame.iter_rows())


TABLES = {
    "DuckDB, Parquet": duckdb_parquet,
    "DuckDB, CSV": lambda: duckdb_csv("events.csv"),
    "DuckDB, compressed CSV": lambda: duckdb_csv("events.csv.zst"),
    "pandas, Parquet": pandas_parquet,
    "pandas, CSV": pandas_csv,
    "polars, Parquet": polars_parquet,
    "polars, CSV": polars_csv,
}


def main():
    os.chdir(sys.argv[1])
    for name, rows in TABLES.items():
        count = 0
        for want, got in itertools.zip_longest(expected(), rows()):
            if got != want:
                sys.exit(f"{name}: the table has\n{got!r:.2000}\nand the store\n{want!r:.2000}")
            count += 1
    print(f"compared {count} events with {len(TABLES)} tables")


main()

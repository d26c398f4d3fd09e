"""Evaluates an expression with the umadb of this Python: evaluate.py URL. Prints the answer as JSON."""

import enum  # noqa: F401, for the expressions, as are those below
import inspect  # noqa: F401
import json
import pickle  # noqa: F401
import signal  # noqa: F401
import sys
import uuid

from umadb import *  # noqa: F403
from umadb import AppendCondition, Client, Event, IntegrityError, Query

ID = uuid.UUID("11111111-2222-3333-4444-555555555555")
url = sys.argv[1]


def conflict(client):
    try:
        client.append([Event("A", b"")], AppendCondition(Query()))
    except IntegrityError as error:
        return error


client = Client(url)
client.append([Event("A", b""), Event("A", b"")])
try:
    answer = repr(eval(sys.stdin.read()))
except Exception as error:
    answer = type(error).__name__
json.dump(answer, sys.stdout)

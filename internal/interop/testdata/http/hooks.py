"""Cases that the description of the API permits, because JSON Schema cannot exclude them."""

import re

import schemathesis


def is_strange(value):
    """Report whether a value contains a whole number written as 1.0, or one that a float cannot tell from the maximum."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return any(map(is_strange, value))
    return isinstance(value, float) or isinstance(value, int) and value >= 2**64


def is_beyond_float(value):
    """Report whether a number in a query or header is above the maximum, and equal to it as a float."""
    return bool(re.fullmatch(r"\d{20}", str(value))) and int(value) >= 2**64 - 1


def times(value):
    """Return the times in a value."""
    if isinstance(value, dict):
        found = [value.get(name) for name in ("since", "until", "time", "recorded_at")]
        value = [item for item in value.values() if isinstance(item, list)]
    else:
        found = []
    if isinstance(value, list):
        found += [at for item in value for at in times(item)]
    return [at for at in found if isinstance(at, str)]


@schemathesis.hook
def filter_case(context, case):
    """Omit cases with parameters that exclude each other, other JSON, or days that a month may not have."""
    query = case.query if isinstance(case.query, dict) else {}
    headers = case.headers if hasattr(case.headers, "get") else {}
    positions = [query.get("after"), query.get("start"), headers.get("Last-Event-ID")]
    items = query.get("item")
    return not (
        is_strange(case.body)
        or any(map(is_beyond_float, positions))
        or isinstance(items, list) and any(str(item).startswith("{") for item in items)
        or "after" in query and ("start" in query or "backwards" in query)
        or "since" in query and "until" in query
        or any(re.match(r"\d{4}-\d\d-(29|30|31)", at) for at in times(query) + times(case.body))
    )

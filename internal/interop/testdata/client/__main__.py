"""Checks a server through the released UmaDB client for Python.

Prints one JSON object a line, {"check": name, "error": null or text}, and exits
with 0 only if every check passed.
"""

import argparse
import faulthandler
import json
import sys
import traceback

import checks


def main():
    parser = argparse.ArgumentParser(prog="client", description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--ca")
    parser.add_argument("--api-key")
    parser.add_argument(
        "--reference",
        action="store_true",
        help="the server is the one in the package: skip the checks in which we differ from it",
    )
    parser.add_argument(
        "--until-shutdown",
        action="store_true",
        help="only check how open streams end when the server is stopped",
    )
    arguments = parser.parse_args()
    server = checks.Server(arguments.url, arguments.ca, arguments.api_key)
    if arguments.until_shutdown:
        import shutdown

        return run(shutdown.streams_end_well_on_shutdown, server)

    # The first check needs an empty store; the order of the others does not matter.
    import empty  # noqa: F401
    import appending  # noqa: F401
    import conditions  # noqa: F401
    import reading  # noqa: F401
    import subscribing  # noqa: F401
    import tracking  # noqa: F401
    import serving  # noqa: F401

    failed = 0
    for function, is_better in checks.CHECKS:
        if not (is_better and arguments.reference):
            failed += run(function, server)
    return min(failed, 1)


def run(function, server):
    # If a check hangs, the program prints a traceback and exits.
    faulthandler.dump_traceback_later(60, exit=True)
    error = None
    try:
        function(server)
    except BaseException:  # a panic in the client is not an Exception
        error = traceback.format_exc()
    print(json.dumps({"check": function.__name__, "error": error}), flush=True)
    return 1 if error else 0


if __name__ == "__main__":
    sys.exit(main())

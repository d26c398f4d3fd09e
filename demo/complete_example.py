"""Run the complete example of the users' document, with only the port changed.

    python complete_example.py DOCUMENT

The server runs in its own process with a temporary directory.
"""

import json
import re
import subprocess
import sys
import tempfile


def example(document):
    """Return the Python code below the heading "Complete Example"."""
    with open(document, encoding="utf-8") as file:
        found = re.search(r"^## Complete Example$.*?^```python\n(.*?)^```$", file.read(), re.DOTALL | re.MULTILINE)
    return found.group(1)


def main():
    """Start a server, run the example, stop the server."""
    code = example(sys.argv[1])
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "umadb", "--listen", "127.0.0.1:0", "--log-format", "json"]
        with subprocess.Popen([*command, "--db-path", directory + "/uma.db"], stderr=subprocess.PIPE) as server:
            try:
                listening = next(e for e in map(json.loads, server.stderr) if e["msg"] == "listening")
                exec(code.replace("localhost:50051", listening["address"]), {"__name__": "__main__"})
            finally:
                server.terminate()


if __name__ == "__main__":
    main()

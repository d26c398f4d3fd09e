"""Runs the command line: python -m umadb."""

from umadb._client import main

if __name__ == "__main__":
    main()

"""python -m umadb is the command line."""

from umadb._client import main

if __name__ == "__main__":
    main()

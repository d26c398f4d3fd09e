"""The PyInstaller hook of this package, registered by an entry point in pyproject.toml."""

import os


def get_hook_dirs():
    """Return the directories that contain hooks."""
    return [os.path.dirname(__file__)]

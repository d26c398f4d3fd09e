"""Where PyInstaller finds the hook of this package, by the entry point in pyproject.toml."""

import os


def get_hook_dirs():
    """Return the directories that contain hooks."""
    return [os.path.dirname(__file__)]

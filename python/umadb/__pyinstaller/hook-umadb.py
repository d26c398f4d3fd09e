"""Adds the Go library to the bundle. No import refers to it: the extension loads it by its path."""

from PyInstaller.utils.hooks import collect_dynamic_libs

binaries = collect_dynamic_libs("umadb", search_patterns=["_golib.so"])

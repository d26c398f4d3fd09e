"""Tells PyInstaller of the Go library, which no import names: the extension loads it by its path."""

from PyInstaller.utils.hooks import collect_dynamic_libs

binaries = collect_dynamic_libs("umadb", search_patterns=["_golib.so"])

#!/bin/sh
# Stops the server when the package is removed, and not when it is upgraded: dpkg passes "remove",
# and rpm the number of versions that remain.
set -e
case "$1" in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl --quiet disable --now umadb.service || true
	fi
	;;
esac

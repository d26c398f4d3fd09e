#!/bin/sh
# The stores in /var/lib/umadb and the user that owns them remain, also when the package is purged.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi

#!/bin/sh
# The server is neither enabled nor started: where it listens, its certificate and its keys have
# to be decided first. A server that is running continues with the old program until it is
# restarted, because a restart ends reads and subscriptions.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
	if systemctl --quiet is-active umadb.service; then
		echo 'umadb: restart the server to use the new version: systemctl restart umadb'
	fi
fi

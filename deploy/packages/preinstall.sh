#!/bin/sh
# Creates the user, also where systemd-sysusers is too old or missing.
set -e
if ! getent group umadb >/dev/null; then
	groupadd --system umadb
fi
if ! getent passwd umadb >/dev/null; then
	useradd --system --gid umadb --home-dir /var/lib/umadb --no-create-home \
		--shell /usr/sbin/nologin --comment "UmaDB event store" umadb
fi

#!/usr/bin/env bash
# Fetches the JavaScript libraries of the console from the npm registry into static/lib, where
# they are committed. To update one, change its version here and run "make console-libraries".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/static/lib"
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

# fetch PACKAGE VERSION FILE... copies files of a package and its license.
fetch() {
	local name=$1 version=$2 archive
	shift 2
	archive=$(npm pack --silent --pack-destination "$temporary" "$name@$version")
	tar -xzf "$temporary/$archive" -C "$temporary"
	for file in "$@"; do
		cp "$temporary/package/$file" .
	done
	cp "$temporary"/package/LICENSE* "$name.LICENSE"
	rm -rf "$temporary/package"
}

fetch htmx.org 2.0.11 dist/htmx.min.js
fetch uplot 1.6.32 dist/uPlot.esm.js dist/uPlot.min.css

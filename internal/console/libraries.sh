#!/usr/bin/env bash
# Fetches the JavaScript libraries of the console from the npm registry into static/lib, where
# they are committed. To update one, change its version here, or in libraries/package.json if it is
# bundled ("npm install --package-lock-only" there updates the lock file), and run "make
# console-libraries".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/static/lib"
libraries=$(cd ../../libraries && pwd)
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

# bundle NAME PACKAGE... makes one module of libraries/NAME.js and what it imports. The license
# file contains those of the packages.
bundle() {
	local name=$1
	shift
	(cd "$temporary/bundle" && node_modules/.bin/esbuild "$name.js" --bundle --minify --format=esm --target=es2022 \
		--legal-comments=none --log-level=warning --outfile="$name.min.js")
	cp "$temporary/bundle/$name.min.js" .
	for package in "$@"; do
		printf '%s\n\n' "$package"
		cat "$temporary/bundle/node_modules/$package"/LICENSE*
		printf '\n'
	done >"$name.LICENSE"
}

mkdir "$temporary/bundle"
cp "$libraries"/package*.json "$libraries/.npmrc" "$libraries"/*.js "$temporary/bundle"
(cd "$temporary/bundle" && npm ci --silent)
bundle d3-force d3-dispatch d3-force d3-quadtree d3-timer
bundle codemirror @codemirror/{commands,lang-json,language,lint,state,streamparser,view} @lezer/{common,highlight,json,lr} \
	@marijn/find-cluster-break crelt style-mod w3c-keyname

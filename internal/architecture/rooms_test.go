package architecture_test

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// rooms says what each room may import of ours. A new package needs a line
// here, and a place in docs/architecture.md.
var rooms = map[string][]string{
	// The vocabulary, the contract, and the two doors.
	"dcb":            {},
	"proto/umadb/v1": {},
	".":              {"dcb", "internal/client", "internal/store"},

	// The engine, from the disk upwards.
	"internal/vfs":      {},
	"internal/eventlog": {"internal/vfs"},
	"internal/index":    {"internal/vfs"},
	"internal/store":    {"dcb", "internal/wire/encoding", "internal/eventlog", "internal/index", "internal/vfs"},

	// The wire. Only the command line brings server and store together.
	"internal/wire/encoding": {"dcb"},
	"internal/wire":          {"dcb", "internal/wire/encoding", "proto/umadb/v1"},
	"internal/client":        {"dcb", "internal/wire", "internal/wire/encoding", "proto/umadb/v1"},
	"internal/server":        {"dcb", "internal/wire", "internal/wire/encoding", "proto/umadb/v1"},

	"internal/cli": {"dcb", "internal/client", "internal/server", "internal/store", "internal/vfs", "internal/wire", "internal/wire/encoding"},
	"cmd/umadb":    {"internal/cli"},

	// The Go library inside the Python package.
	"python/binding": {"dcb", "internal/cli", "internal/client", "internal/store", "internal/vfs", "internal/wire/encoding"},

	// Tests that are packages of their own.
	"internal/storetest":    {"dcb", "internal/wire/encoding"}, // to measure events as the limits do
	"internal/interop":      {},
	"internal/architecture": {},

	// Programs that use the library as anybody would.
	"demo":      {".", "dcb"},
	"bench/...": {".", "dcb", "internal/wire", "internal/wire/encoding", "proto/umadb/v1"},
}

// mayImport gives a room's line in the table. A name that ends in "/..." stands
// for a folder with all those in it.
func mayImport(room string) (allowed []string, known bool) {
	if allowed, known = rooms[room]; known {
		return allowed, true
	}
	for ; room != "."; room = path.Dir(room) {
		if allowed, known = rooms[room+"/..."]; known {
			return allowed, true
		}
	}
	return nil, false
}

func TestARoomImportsOnlyWhatItMay(t *testing.T) {
	for _, file := range sources(t) {
		allowed, known := mayImport(file.room())
		if !known {
			t.Errorf("%s: the room %s has no line in the table", file.path, file.room())
			continue
		}
		if file.isTest() {
			continue
		}
		for _, room := range file.imports() {
			if !slices.Contains(allowed, room) {
				t.Errorf("%s imports %s; %s may import only %v", file.path, room, file.room(), allowed)
			}
		}
	}
}

// Tests see more than the code, but they do not turn the order around: a lower
// room is not tested through a higher one.
func TestATestImportsOnlyWhatIsBelow(t *testing.T) {
	anywhere := []string{"dcb", "internal/vfs", "internal/storetest", "proto/umadb/v1", "internal/wire", "internal/wire/encoding"}
	top := []string{".", "internal/cli", "internal/interop", "internal/architecture", "internal/storetest"}
	for _, file := range sources(t) {
		room := file.room()
		if !file.isTest() || slices.Contains(top, room) || strings.HasPrefix(room, "bench") {
			continue
		}
		allowed, _ := mayImport(room)
		for _, imported := range file.imports() {
			if imported != room && !slices.Contains(anywhere, imported) && !slices.Contains(allowed, imported) {
				t.Errorf("%s imports %s, which is not below %s", file.path, imported, room)
			}
		}
	}
}

func TestEveryLineOfTheTableHasItsRoom(t *testing.T) {
	found := map[string]bool{}
	for _, file := range sources(t) {
		found[file.room()] = true
		found[file.room()+"/..."] = true
	}
	for room := range rooms {
		// The generated code of the contract is no source of ours.
		if !found[room] && room != "proto/umadb/v1" {
			t.Errorf("the table has a line for %s, which has no Go file", room)
		}
	}
}

func TestNoRoomHasANameThatSaysNothing(t *testing.T) {
	for _, file := range sources(t) {
		name := strings.TrimSuffix(file.syntax.Name.Name, "_test")
		if slices.Contains([]string{"util", "utils", "common", "types", "helpers", "errors", "log", "http"}, name) {
			t.Errorf("%s: a package is named for what it adapts or does, not %q", file.path, name)
		}
	}
}

func TestMainIsShort(t *testing.T) {
	for _, file := range sources(t) {
		if path.Dir(file.path) == "cmd/umadb" && file.lines > 20 {
			t.Errorf("%s has %d lines: what it does belongs into internal/cli", file.path, file.lines)
		}
	}
}

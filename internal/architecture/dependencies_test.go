package architecture_test

import (
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// dependencies are the modules, besides this one and the standard library, that a program
// gets with each public package. Opening a directory must not bring gRPC with it.
var dependencies = map[string][]string{
	"dcb":     {},
	"codec":   {},
	"project": {},
	"decide": {
		"github.com/google/uuid",
	},
	".": {
		"github.com/google/uuid",
		"github.com/klauspost/cpuid/v2",
		"github.com/zeebo/xxh3",
		"golang.org/x/sync",
		"golang.org/x/sys",
		"golang.org/x/time",
		"google.golang.org/protobuf",
	},
	"client": {
		"github.com/google/uuid",
		"golang.org/x/net",
		"golang.org/x/sync",
		"golang.org/x/sys",
		"golang.org/x/text",
		"google.golang.org/genproto/googleapis/rpc",
		"google.golang.org/grpc",
		"google.golang.org/protobuf",
	},
	"server": {
		"github.com/google/uuid",
		"golang.org/x/net",
		"golang.org/x/sys",
		"golang.org/x/text",
		"golang.org/x/time",
		"google.golang.org/genproto/googleapis/rpc",
		"google.golang.org/grpc",
		"google.golang.org/protobuf",
	},
}

func TestPublicPackagesBringOnlyTheirModules(t *testing.T) {
	for pkg, want := range dependencies {
		if have := modules(t, pkg); !slices.Equal(have, want) {
			t.Errorf("package %s brings the modules\n\t%s\nnot\n\t%s", pkg, strings.Join(have, "\n\t"), strings.Join(want, "\n\t"))
		}
	}
}

// The client uses the codes and statuses of grpc-go, and nothing else of it.
func TestClientBringsNoConnectionsOfGRPC(t *testing.T) {
	list := exec.Command("go", "list", "-deps", "./client")
	list.Dir = filepath.Join("..", "..")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("%v: %v", list, err)
	}
	if slices.Contains(strings.Fields(string(out)), "google.golang.org/grpc") {
		t.Error("package client brings google.golang.org/grpc")
	}
}

// The Go library inside the Python package is large already. Only the umadb program has the
// extensions of the command line.
func TestPythonPackageBringsNoExtensions(t *testing.T) {
	inProgram, inPackage := modules(t, "cmd/umadb"), modules(t, "python/binding")
	for _, extension := range []string{"github.com/parquet-go/parquet-go", "github.com/jackc/pgx/v5", "go.etcd.io/etcd/client/v3"} {
		if !slices.Contains(inProgram, extension) {
			t.Errorf("cmd/umadb does not bring %s", extension)
		}
		if slices.Contains(inPackage, extension) {
			t.Errorf("python/binding brings %s", extension)
		}
	}
}

// modules returns the modules of all packages that a package imports, directly or
// indirectly, in order.
func modules(t *testing.T, pkg string) []string {
	t.Helper()
	list := exec.Command("go", "list", "-deps", "-f", "{{if .Module}}{{if not .Module.Main}}{{.Module.Path}}{{end}}{{end}}", "./"+pkg)
	list.Dir = filepath.Join("..", "..")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("%v: %v", list, err)
	}
	found := map[string]bool{}
	for _, module := range strings.Fields(string(out)) {
		found[module] = true
	}
	return slices.Sorted(maps.Keys(found))
}

package umadb_test

import (
	"reflect"
	"testing"

	"github.com/umadb-go/umadb"
	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/server"
)

// With type aliases, go doc would show names of internal types and no fields.
func TestOptionsAreDocumentedWherePublic(t *testing.T) {
	for pkg, options := range map[string]any{
		"github.com/umadb-go/umadb":        umadb.Options{},
		"github.com/umadb-go/umadb/client": client.Options{},
		"github.com/umadb-go/umadb/server": server.Options{},
	} {
		if of := reflect.TypeOf(options); of.PkgPath() != pkg {
			t.Errorf("%s is declared in %s, not in %s", of.Name(), of.PkgPath(), pkg)
		}
	}
}

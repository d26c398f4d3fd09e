package umadb_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/umadb-go/umadb"
	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/server"
)

// With type aliases, go doc would show names of internal types and no fields.
func TestTypesAreDocumentedWherePublic(t *testing.T) {
	for of, pkg := range map[reflect.Type]string{
		reflect.TypeFor[umadb.Options]():  "github.com/umadb-go/umadb",
		reflect.TypeFor[umadb.Metrics]():  "github.com/umadb-go/umadb",
		reflect.TypeFor[client.Options](): "github.com/umadb-go/umadb/client",
		reflect.TypeFor[server.Options](): "github.com/umadb-go/umadb/server",
	} {
		if of.PkgPath() != pkg {
			t.Errorf("%s is declared in %s, not in %s", of.Name(), of.PkgPath(), pkg)
		}
		for i := range of.NumField() {
			if field := of.Field(i); strings.Contains(field.Type.PkgPath(), "/internal/") {
				t.Errorf("the type of %s.%s is declared in %s", of.Name(), field.Name, field.Type.PkgPath())
			}
		}
	}
}

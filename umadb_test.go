package umadb_test

import (
	"reflect"
	"testing"

	"github.com/umadb-go/umadb"
)

// An alias would show the name of an internal type in go doc, and no field.
func TestOptionsAreDocumentedHere(t *testing.T) {
	for _, options := range []any{umadb.Options{}, umadb.DialOptions{}} {
		if of := reflect.TypeOf(options); of.PkgPath() != "github.com/umadb-go/umadb" {
			t.Errorf("%s is of %s", of.Name(), of.PkgPath())
		}
	}
}

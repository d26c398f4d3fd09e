package umadb_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/umadb-go/umadb"
)

// With type aliases, go doc would show names of internal types and no fields.
func TestOptionsAreDocumentedHere(t *testing.T) {
	for _, options := range []any{umadb.Options{}, umadb.DialOptions{}} {
		if of := reflect.TypeOf(options); of.PkgPath() != "github.com/umadb-go/umadb" {
			t.Errorf("%s is declared in %s", of.Name(), of.PkgPath())
		}
	}
}

func TestDialOptionsAreFormattedWithoutAPIKey(t *testing.T) {
	options := umadb.DialOptions{CAFile: "ca.pem", APIKey: "s3cret"}
	var printed bytes.Buffer
	fmt.Fprintf(&printed, "%v %+v %#v %s %x", options, options, options, &options, options)
	slog.New(slog.NewTextHandler(&printed, nil)).Info("", "options", options)
	slog.New(slog.NewJSONHandler(&printed, nil)).Info("", "options", &options)
	if text := printed.String(); strings.Contains(text, "s3cret") || strings.Contains(text, fmt.Sprintf("%x", "s3cret")) || !strings.Contains(text, "ca.pem") {
		t.Errorf("printed:\n%s", text)
	}
}

package wire_test

import (
	"testing"

	"github.com/umadb-go/umadb/internal/wire"
)

func TestHasWord(t *testing.T) {
	for value, want := range map[string]bool{
		"recorded-at":            true,
		" recorded-at ":          true,
		"later-word,recorded-at": true,
		"recorded-at, x":         true,
		"":                       false,
		",":                      false,
		"recorded":               false,
		"recorded-at-once":       false,
		"Recorded-At":            false,
		"recorded-at;x":          false,
	} {
		if got := wire.HasWord(value, wire.WithRecordedAt); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

package selection_test

import (
	"testing"

	"github.com/umadb-go/umadb/internal/selection"
)

// A mistyped condition must not become a condition that always holds.
func TestInvalidItems(t *testing.T) {
	for _, text := range []string{"", "tag=", "type=A tag=", "tag=a,tag=b", "type=A,tag=b", "course:1"} {
		if item, err := selection.ParseItem(text); err == nil {
			t.Errorf("%q is parsed as %+v", text, item)
		}
	}
}

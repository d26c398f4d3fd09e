package cli

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/keyfile"
)

// A key that was added and not printed is known to no caller, so the error says what to do.
func TestKeyThatCannotBePrinted(t *testing.T) {
	_, closed := io.Pipe()
	closed.Close()
	o := newKey{file: filepath.Join(t.TempDir(), "keys.toml"), key: keyfile.Key{Name: "orders", Rights: []string{"read"}}}
	const want = "but cannot be printed: io: read/write on closed pipe; revoke it, and create it again"
	if err := o.run(closed, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the error is %v, want %q", err, want)
	}
}

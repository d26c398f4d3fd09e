package cli_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

// A server whose directory has another history says what to do. The files are sound, so that is
// not a check of them.
func TestServerWithADirectoryOfAnotherHistory(t *testing.T) {
	e, dir := createdEngine(t), filepath.Join(t.TempDir(), "uma.db")
	openStore(t, dir, func(s *store.Store) {
		if _, err := s.Append(t.Context(), []dcb.Event{{Type: "T"}}, nil, nil); err != nil {
			t.Fatal(err)
		}
	})
	code, _, stderr := e.run("serve", "--db-path", dir, "--listen", "127.0.0.1:0", "--log", fakeURL)
	if code != 6 || !strings.HasSuffix(stderr, "; use a new directory, into which the events of the log are read\n") || strings.Contains(stderr, "umadb check") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

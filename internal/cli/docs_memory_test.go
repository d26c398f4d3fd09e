package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/store"
)

// idleBytes is the memory of a server without clients.
const idleBytes = 24 << 20

// TestDocumentsHaveTheSumOfAllBounds compares the maximum memory that clients can make the
// server use with docs/operations.md.
func TestDocumentsHaveTheSumOfAllBounds(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	limits := dcb.Limits{}.WithDefaults()
	for _, c := range []struct {
		memory, most int64
		text         string
	}{
		{512 << 20, 720 << 20, "%d MiB with `--memory-limit 512MiB`"},
		{1 << 30, 1100 << 20, "%d MiB with 1 GiB"},
	} {
		o := server.Options{Memory: c.memory, MaxConnections: server.DefaultConnections(c.memory)}
		sum := idleBytes + server.MemoryBound(o, &limits) + store.MemoryBound(&store.Options{CacheBytes: cacheFor(c.memory)})
		if sum > c.most {
			t.Errorf("with %d MiB the sum is %d MiB", c.memory>>20, sum>>20)
		}
		if want := fmt.Sprintf(c.text, sum>>20); !strings.Contains(string(page), want) {
			t.Errorf("docs/operations.md does not say %q", want)
		}
	}
}

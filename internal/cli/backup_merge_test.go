package cli_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

// Each run of a backup adds a small object, and some are killed at random times. The objects
// are merged, and what is restored meanwhile is the start of the store.
func TestObjectsAreMergedAlthoughBackupsAreKilled(t *testing.T) {
	g := startGateway(t)
	dir := filepath.Join(t.TempDir(), "source")
	s, err := store.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	most, head := 0, uint64(0)
	for round := range 60 {
		for i := range 1 + rand.IntN(3) {
			if _, err := s.Append(context.Background(), []dcb.Event{{Type: "T", Tags: []string{fmt.Sprint(round, "/", i)}, Data: make([]byte, rand.IntN(3000))}}, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		p := spawn(t, nil, "backup", "--db-path", dir, "--to", "s3://backups/z")
		life := patience
		if round%4 == 3 {
			life = rand.N(200 * time.Millisecond)
		}
		select {
		case <-p.Exited():
		case <-time.After(life):
			p.Kill()
		}
		most = max(most, len(g.objects(t, "z/tail/*")))
		if round%10 == 9 {
			restored := filepath.Join(t.TempDir(), "r")
			summary := mustRun(t, "restore", "--from", "s3://backups/z", restored)
			if summary.Head < head {
				t.Fatalf("restored %d after %d", summary.Head, head)
			}
			head = summary.Head
			wantStartOf(t, dir, restored)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "backup", "--db-path", dir, "--to", "s3://backups/z")
	restored := filepath.Join(t.TempDir(), "restored")
	mustRun(t, "restore", "--from", "s3://backups/z", restored)
	if got, want := recordsIn(t, restored), recordsIn(t, dir); !reflect.DeepEqual(got, want) {
		t.Errorf("%d records, the source has %d", len(got), len(want))
	}
	if most > 40 {
		t.Errorf("there were %d objects", most)
	}
}

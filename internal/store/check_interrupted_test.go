package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// A sparse file takes no space, but reading all of it would take hours.
func TestCheckOfHugeSegmentCanBeInterrupted(t *testing.T) {
	for name, grow := range map[string]string{"while opening": "last", "while checking": "first"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := store.Open(dir, &store.Options{SegmentBytes: 1500})
			if err != nil {
				t.Fatal(err)
			}
			for range 10 {
				mustAppend(t, s, "a", 3)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			segments, err := filepath.Glob(filepath.Join(dir, "log", "*.log"))
			if err != nil || len(segments) < 2 {
				t.Fatalf("the segments are %q, %v", segments, err)
			}
			huge := segments[0]
			if grow == "last" {
				huge = segments[len(segments)-1]
			}
			if err := os.Truncate(huge, 8<<40); err != nil {
				t.Skipf("the file system has no sparse files of 8 TB: %v", err)
			}
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			disk := vfs.Observe(vfs.OS{}, func(op vfs.Op) error {
				if op.Kind == "read" && op.Offset > 100<<20 {
					interrupt()
				}
				return nil
			})
			_, err = store.Check(ctx, dir, &store.CheckOptions{Options: store.Options{FS: disk}})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("check: error %v, want context.Canceled", err)
			}
		})
	}
}

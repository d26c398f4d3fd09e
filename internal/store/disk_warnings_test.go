package store

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/vfs"
)

// measuredFS reports a free space of 49 of 1000 bytes.
type measuredFS struct{ vfs.FS }

type measuredDir struct{ vfs.Dir }

func (f measuredFS) OpenDir(path string) (vfs.Dir, error) { return measured(f.FS.OpenDir(path)) }

func (d measuredDir) OpenDir(name string) (vfs.Dir, error) { return measured(d.Dir.OpenDir(name)) }

func measured(d vfs.Dir, err error) (vfs.Dir, error) {
	if err != nil {
		return nil, err
	}
	return measuredDir{d}, nil
}

func (measuredDir) Free() (free, size int64, err error) { return 49, 1000, nil }

func TestLittleSpaceIsLogged(t *testing.T) {
	var log bytes.Buffer
	s, err := Open("/store", &Options{FS: measuredFS{vfs.NewMem()}, MaxDiskBytes: 4 << 20, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; err == nil && i < 1000; i++ {
		_, err = s.Append(t.Context(), []dcb.Event{{Data: make([]byte, 10<<10)}}, nil, nil)
	}
	(&diskWarnings{store: s}).update()
	if u := s.DiskUsage(); u.FreeBytes != 49 || u.FileSystemBytes != 1000 || u.percent() < 95 {
		t.Errorf("usage: %+v", u)
	}
	if err := s.Close(); err != nil { // ends the goroutine that logs
		t.Fatal(err)
	}
	for _, text := range []string{"the store takes most of the disk space", "the file system of the store has little free space"} {
		if !strings.Contains(log.String(), text) {
			t.Errorf("the log does not contain %q: %s", text, &log)
		}
	}
}

func TestWarningLevelsVary(t *testing.T) {
	var w diskWarnings
	for _, c := range []struct {
		percent int64
		want    bool
	}{{79, false}, {80, true}, {79, false}, {80, false}, {75, false}, {96, true}, {91, false}, {97, false}, {89, false}, {95, true}, {60, false}, {80, true}} {
		if got := w.crosses(c.percent); got != c.want {
			t.Errorf("%d percent: %v", c.percent, got)
		}
	}
}

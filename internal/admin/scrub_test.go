package admin_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/store"
)

func TestScrub(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, &store.Options{SegmentBytes: 1 << 20})
	fill(t, r)
	c := r.admin(t)
	var done, all uint64
	messages := 0
	progress := func(d, a uint64) {
		if d < done || d > a {
			t.Errorf("%d of %d bytes after %d", d, a, done)
		}
		done, all, messages = d, a, messages+1
	}
	report, err := c.Scrub(within(t), 1<<30, progress)
	if err != nil {
		t.Fatal(err)
	}
	if report.Groups != 60 || report.LogBytes < 4<<20 || len(report.Findings) != 0 || report.More != 0 || report.Started.IsZero() || report.Ended.Before(report.Started) {
		t.Errorf("report %+v", report)
	}
	if messages < 2 || done == 0 || all == 0 {
		t.Errorf("%d messages, the last with %d of %d bytes", messages, done, all)
	}
	segments, err := filepath.Glob(filepath.Join(dir, "log", "*.log"))
	if err != nil || len(segments) < 3 {
		t.Fatal(segments, err)
	}
	overwrite(t, segments[1], 5000)
	if report, err = c.Scrub(within(t), 0, func(uint64, uint64) {}); err != nil {
		t.Fatal(err)
	}
	if len(report.Findings) != 1 || report.Findings[0].File != segments[1] || report.Findings[0].Offset == 0 || report.Findings[0].What == "" || report.Findings[0].Index {
		t.Errorf("findings %+v", report.Findings)
	}
}

// overwrite changes a byte of a file.
func overwrite(t *testing.T, name string, offset int64) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, offset); err != nil {
		t.Fatal(err)
	}
	b[0]++
	if _, err := f.WriteAt(b, offset); err != nil {
		t.Fatal(err)
	}
}

// A call ends its scrub, and only one is served at a time.
func TestScrubEndsWithTheCall(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	for range 3 { // at the lowest rate, a scrub takes more than ten seconds
		fill(t, r)
	}
	c := r.admin(t)
	ctx, cancel := context.WithCancel(within(t))
	refused := false
	_, err := c.Scrub(ctx, 1<<20, func(uint64, uint64) {
		if ctx.Err() != nil {
			return
		}
		_, err := c.Scrub(within(t), 0, func(uint64, uint64) {})
		refused = status.Code(err) == codes.ResourceExhausted
		if !refused {
			t.Errorf("a second call: %v", err)
		}
		if counted := (server.RefusalMetrics{Kind: "admin_calls", Count: 1}); !slices.Contains(r.Metrics().Refusals, counted) {
			t.Errorf("the refusals are %v, without %v", r.Metrics().Refusals, counted)
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) || !refused {
		t.Errorf("a cancelled call: %v", err)
	}
	eventually(t, "the scrub has ended", func() bool {
		_, err := c.Scrub(within(t), 1<<30, func(uint64, uint64) {})
		return err == nil
	})
	if _, err := c.Scrub(within(t), 1000, func(uint64, uint64) {}); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("a low rate: %v", err)
	}
}

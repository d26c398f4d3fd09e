package store_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// limitedOptions are those of a store with a limit, small segments and small blocks.
func limitedOptions(fs vfs.FS, limit int64) *store.Options {
	return &store.Options{FS: fs, SegmentBytes: 1 << 20, BlockEvents: 1000, MaxDiskBytes: limit}
}

// fill appends with several writers until each append is refused, and returns the names of
// the acknowledged ones. It calls measure between appends.
func fill(t *testing.T, s *store.Store, measure func()) map[string]bool {
	t.Helper()
	acknowledged := map[string]bool{}
	var mu sync.Mutex
	var writers sync.WaitGroup
	for writer := range 8 {
		writers.Go(func() {
			chance := rand.New(rand.NewPCG(1, uint64(writer)))
			for i := range 10_000 {
				name := fmt.Sprintf("%d-%d", writer, i)
				event := dcb.Event{Type: "filled", Tags: []string{name}, Data: make([]byte, chance.IntN(3000))}
				_, err := s.Append(context.Background(), []dcb.Event{event}, nil, nil)
				if err != nil {
					if !errors.Is(err, dcb.ErrIO) || !strings.Contains(err.Error(), "--max-disk") || !strings.Contains(err.Error(), "the limit is") {
						t.Errorf("append: %v", err)
					}
					return
				}
				mu.Lock()
				acknowledged[name] = true
				if i%100 == 0 {
					measure()
				}
				mu.Unlock()
			}
			t.Error("no append was refused")
		})
	}
	writers.Wait()
	return acknowledged
}

// mustContain verifies that exactly the named events can be read.
func mustContain(t *testing.T, s *store.Store, names map[string]bool) {
	t.Helper()
	events, _, err := s.Read(t.Context(), dcb.Query{Items: []dcb.QueryItem{{Types: []string{"filled"}}}}, dcb.ReadOptions{}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, event := range events {
		if names[event.Event.Tags[0]] {
			found++
		}
	}
	if found != len(names) || len(events) != found {
		t.Errorf("%d events, %d of the %d acknowledged ones", len(events), found, len(names))
	}
}

func TestDiskLimit(t *testing.T) {
	const limit = 8 << 20
	memory, dir := vfs.NewMem(), t.TempDir()
	for _, c := range []struct {
		name  string
		fs    vfs.FS
		dir   string
		bytes func() int64
	}{
		{"memory", memory, crashDir, memory.TotalBytes},
		{"system", vfs.OS{}, dir, func() int64 { return sizeOf(t, dir) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := store.Open(c.dir, limitedOptions(c.fs, limit))
			if err != nil {
				t.Fatal(err)
			}
			most := int64(0)
			measure := func() { most = max(most, c.bytes()) }
			names := fill(t, s, measure)
			measure()
			// A refusal is forgotten when a compaction ends, because what it had reserved is free then.
			for i := 0; s.AppendRefusal() == nil && !hasFailed(s) && i < 10_000; i++ {
				name := fmt.Sprint("more-", i)
				if _, err := s.Append(t.Context(), []dcb.Event{{Type: "filled", Tags: []string{name}, Data: make([]byte, 3000)}}, nil, nil); err == nil {
					names[name] = true
				}
			}
			if most > limit || most < limit/2 {
				t.Errorf("the store takes %d bytes with a limit of %d", most, limit)
			}
			if s.AppendRefusal() == nil || hasFailed(s) {
				t.Errorf("refusal: %v, failed: %v", s.AppendRefusal(), hasFailed(s))
			}
			mustContain(t, s, names)
			refuseTracking(t, s)
			s.SetMaxDiskBytes(2 * limit)
			if err := s.AppendRefusal(); err != nil {
				t.Errorf("with a higher limit: %v", err)
			}
			mustAppend(t, s, "raised", 1)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s, err = store.Open(c.dir, limitedOptions(c.fs, limit/2))
			if err != nil {
				t.Fatal(err)
			}
			mustContain(t, s, names)
			if _, err := s.Append(t.Context(), []dcb.Event{{Data: make([]byte, 1<<20)}}, nil, nil); !errors.Is(err, dcb.ErrIO) || !errors.Is(err, record.ErrNoSpace) {
				t.Errorf("append with a limit below the size: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s, err = store.Open(c.dir, limitedOptions(c.fs, 2*limit))
			if err != nil {
				t.Fatal(err)
			}
			mustAppend(t, s, "opened", 1)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if report, err := store.Check(t.Context(), c.dir, &store.CheckOptions{Options: *limitedOptions(c.fs, 0)}); err != nil || len(report.Problems) > 0 {
				t.Errorf("check: %+v, %v", report, err)
			}
		})
	}
}

// refuseTracking records tracking positions until that is refused.
func refuseTracking(t *testing.T, s *store.Store) {
	t.Helper()
	for position := uint64(1); position < 1<<20; position++ {
		_, err := s.Append(t.Context(), nil, nil, &dcb.TrackingInfo{Source: strings.Repeat("source", 40), Position: position})
		if errors.Is(err, dcb.ErrIO) && strings.Contains(err.Error(), "--max-disk") {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Error("tracking is never refused")
}

// sizeOf returns the length of all files below a directory.
func sizeOf(t *testing.T, dir string) (bytes int64) {
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // renamed or removed meanwhile
		}
		bytes += info.Size()
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	return bytes
}

func TestDiskUsageIsThatOfTheFiles(t *testing.T) {
	disk := vfs.NewMem()
	for range 3 {
		s, err := store.Open(crashDir, smallOptions(disk))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 40 {
			mustAppend(t, s, fmt.Sprint(i), 3)
		}
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			u := s.DiskUsage()
			files := disk.TotalBytes() - fileSize(t, disk, crashDir+"/HEAD") // which does not grow
			if u.IndexBytes > 0 && u.DiskBytes() == files {
				break // nothing is being compacted
			}
			if time.Now().After(deadline) {
				t.Fatalf("usage %+v, files have %d bytes", u, files)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A full disk without a limit is a refusal too, until there is space again.
func TestFullDiskIsRefusal(t *testing.T) {
	s, f, _ := newFaultyStore(t)
	f.set(failOn("allocate", "log", syscall.ENOSPC))
	if _, err := appendUntil(t, s); !errors.Is(err, record.ErrNoSpace) || s.AppendRefusal() == nil {
		t.Errorf("append: %v, refusal: %v", err, s.AppendRefusal())
	}
	f.set(nil)
	mustAppend(t, s, "large", 30)
	if err := s.AppendRefusal(); err != nil {
		t.Errorf("after an append that succeeded: %v", err)
	}
}

package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/vfs"
)

// openScrubbed opens a store with small segments and blocks.
func openScrubbed(t *testing.T, disk *vfs.Mem, period time.Duration) *Store {
	t.Helper()
	s, err := Open("/store", &Options{FS: disk, SegmentBytes: 400 << 10, BlockEvents: 100, CacheBytes: 64 << 10, ScrubPeriod: period})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// appendMany appends groups of 20 events of 1 KiB each.
func appendMany(t *testing.T, s *Store, groups int) {
	t.Helper()
	for i := range groups {
		events := make([]dcb.Event, 20)
		for j := range events {
			events[j] = dcb.Event{Type: "many", Tags: []string{fmt.Sprint(i, j)}, Data: make([]byte, 1<<10)}
		}
		if _, err := s.Append(t.Context(), events, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// settle waits until all head blocks but the last are flushed, and nothing is compacted. The blocks
// that were compacted are removed by then.
func settle(t *testing.T, s *Store) {
	t.Helper()
	eventually(t, "the index is written", func() bool {
		st := s.states.acquire()
		defer st.release()
		bytes := int64(0)
		for _, b := range st.blocks {
			bytes += b.Bytes
		}
		return len(st.heads) == 1 && compactable(st.blocks, 100) == nil && s.states.blockBytes.Load() == bytes
	})
}

// flip changes a byte of a file in the disk, while the store is open.
func flip(t *testing.T, disk *vfs.Mem, name string, offset int64) {
	t.Helper()
	d, err := disk.OpenDir(filepath.Dir(name))
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.OpenWrite(filepath.Base(name))
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, offset); err != nil {
		t.Fatal(err)
	}
	b[0]++
	if _, err := f.WriteAt(b, offset); err != nil {
		t.Fatal(err)
	}
}

func mustScrub(t *testing.T, s *Store) *ScrubReport {
	t.Helper()
	report, err := s.Scrub(t.Context(), &ScrubOptions{BytesPerSecond: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestScrubVerifiesLogAndIndex(t *testing.T) {
	s := openScrubbed(t, vfs.NewMem(), 0)
	appendMany(t, s, 100)
	settle(t, s)
	steps, last := 0, int64(0)
	report, err := s.Scrub(t.Context(), &ScrubOptions{BytesPerSecond: 1 << 40, Progress: func(done, all int64) {
		if done < last || done > all {
			t.Errorf("progress %d of %d after %d", done, all, last)
		}
		steps, last = steps+1, done
	}})
	if err != nil {
		t.Fatal(err)
	}
	u := s.DiskUsage()
	if report.Groups != 100 || report.IndexBytes != u.IndexBytes || report.Blocks == 0 || len(report.Findings) != 0 || steps < 3 || last != report.Bytes() {
		t.Errorf("report %+v after %d steps, index %d bytes", report, steps, u.IndexBytes)
	}
}

func TestScrubFindsCorruption(t *testing.T) {
	disk := vfs.NewMem()
	s := openScrubbed(t, disk, 0)
	appendMany(t, s, 100)
	settle(t, s)
	segments := s.log.Segments()
	flip(t, disk, segments[1].Name, 5000)
	flip(t, disk, segments[3].Name, 100_000)
	last := segments[len(segments)-1]
	flip(t, disk, last.Name, 5000)
	st := s.states.acquire()
	block := st.blocks[1].Name
	st.release()
	flip(t, disk, block, 3*4096)
	report := mustScrub(t, s)
	var found []string
	for _, f := range report.Findings {
		found = append(found, fmt.Sprint(f.File, f.Index))
	}
	want := []string{segments[1].Name + "false", segments[3].Name + "false", last.Name + "false", block + "true"}
	if strings.Join(found, " ") != strings.Join(want, " ") {
		t.Errorf("found %v, want %v", found, want)
	}
	if report.Groups < 50 {
		t.Errorf("%d groups were verified", report.Groups)
	}
	appendMany(t, s, 1) // the store is in use as before
}

// An index block is rebuilt as after a read.
func TestScrubRebuildsIndexBlock(t *testing.T) {
	disk := vfs.NewMem()
	s := openScrubbed(t, disk, 0)
	appendMany(t, s, 50)
	settle(t, s)
	st := s.states.acquire()
	b := st.blocks[0]
	st.release()
	flip(t, disk, b.Name, b.Bytes-100)
	if report := mustScrub(t, s); len(report.Findings) != 1 || !report.Findings[0].Index {
		t.Fatalf("findings: %+v", report.Findings)
	}
	eventually(t, "the block is rebuilt", func() bool {
		report := mustScrub(t, s)
		return len(report.Findings) == 0
	})
}

// logLines collects the lines of a log.
type logLines struct {
	mu    sync.Mutex
	lines []string
}

// Write adds a line.
func (l *logLines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(line))
	return len(line), nil
}

// count returns the number of lines that contain a text.
func (l *logLines) count(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// A block that cannot be rebuilt, because the log is corrupt too, is reported once, and does not
// stop the compaction of others.
func TestRebuildFromCorruptLogIsPostponed(t *testing.T) {
	var log logLines
	disk := vfs.NewMem()
	s, err := Open("/store", &Options{FS: disk, BlockEvents: 4, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	appendBlocks(t, s, compactionWidth/2)
	eventually(t, "the blocks are written", func() bool { return len(levels(s)) >= compactionWidth/2-1 })
	st := s.states.acquire()
	b := st.blocks[0]
	st.release()
	flip(t, disk, s.log.Segments()[0].Name, 150) // in the only group of the block
	flip(t, disk, b.Name, b.Bytes-100)
	mustScrub(t, s)
	const message = "cannot be rebuilt"
	eventually(t, "the rebuild fails", func() bool { return log.count(message) > 0 })
	appendBlocks(t, s, compactionWidth)
	eventually(t, "the other blocks are compacted", func() bool { return slices.Contains(levels(s), 1) })
	if n, other := log.count(message), log.count("will try again"); n != 1 || other != 0 || !b.corrupt.Load() {
		t.Errorf("%d lines, and %d others: %q", n, other, log.lines)
	}
}

func TestScrubEndsWithStoreOrCaller(t *testing.T) {
	s := openScrubbed(t, vfs.NewMem(), 0)
	appendMany(t, s, 100)
	started := make(chan struct{}, 100)
	slow := &ScrubOptions{BytesPerSecond: 1, Progress: func(int64, int64) { started <- struct{}{} }}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	if _, err := s.Scrub(ctx, slow); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	go func() { <-started; s.Close() }()
	if _, err := s.Scrub(t.Context(), slow); !errors.Is(err, dcb.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestBackgroundScrubContinuesAfterRestart(t *testing.T) {
	const day = 2 * time.Minute // of a short month
	synctest.Test(t, func(t *testing.T) {
		disk := vfs.NewMem()
		s := openScrubbed(t, disk, 30*day)
		appendMany(t, s, 400)
		settle(t, s)
		time.Sleep(10 * day)
		before := s.ScrubStatus()
		if before.Pass.Started.IsZero() || before.Done == 0 || before.Done > before.All/2 {
			t.Errorf("after 10 days: %+v", before)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		segments := s.log.Segments()
		flip(t, disk, segments[len(segments)-2].Name, 5000)
		s = openScrubbed(t, disk, 30*day)
		time.Sleep(5 * day)
		after := s.ScrubStatus()
		if !after.Pass.Started.Equal(before.Pass.Started) || after.Done <= before.Done {
			t.Errorf("after a restart: %+v, before: %+v", after, before)
		}
		time.Sleep(20 * day)
		ended := s.ScrubStatus()
		if ended.Last.Ended.IsZero() || ended.Last.Groups < 380 || ended.Last.Blocks == 0 || len(ended.Last.Findings) != 1 {
			t.Errorf("the pass: %+v", ended.Last)
		}
		if m := s.Metrics().Scrub; m.LogFindings != 1 || m.IndexFindings != 0 || !m.LastPass.Equal(ended.Last.Ended) {
			t.Errorf("the metrics: %+v", m)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// The last pass may have started while the clock was wrong.
func TestScrubStartsThoughTheLastPassWasInTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := vfs.NewMem()
		s := openScrubbed(t, disk, time.Hour)
		appendMany(t, s, 10)
		s.saveScrub(&savedScrub{Last: ScrubReport{Started: time.Now().AddDate(30, 0, 0)}})
		time.Sleep(scrubDelay + 2*time.Hour)
		if status := s.ScrubStatus(); status.Pass.Groups == 0 && status.Last.Groups == 0 {
			t.Errorf("after two hours: %+v", status)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// A file that cannot be used, or that of another store, only makes the scrub start over.
func TestScrubPositionThatCannotBeUsed(t *testing.T) {
	disk := vfs.NewMem()
	s := openScrubbed(t, disk, time.Hour)
	appendMany(t, s, 10)
	for _, content := range []string{"{", `{"store":"other","position":{"group":99}}`} {
		if err := vfs.WriteFile(s.files.index, scrubTemp, scrubFile, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if saved := s.loadScrub(); saved.Position.Group != 0 {
			t.Errorf("%s is used: %+v", content, saved)
		}
	}
	// A position inside of a group is not corruption of the log.
	saved := savedScrub{Position: newScrub()}
	saved.Position.Log = s.log.Start()
	saved.Position.Log.Offset += 7
	s.options.ScrubPeriod = time.Nanosecond
	if err := s.scrubPass(&saved); err != nil || len(saved.Last.Findings) > 0 || saved.Last.Groups != 10 {
		t.Errorf("pass: %+v, %v", saved.Last, err)
	}
}

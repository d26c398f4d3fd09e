package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/backup"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/vfs"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start is the commit time of the first group; each further one is a second later.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// appendGroups opens the store in a directory, appends groups with the given numbers of
// events, and closes it. A group with 0 events has a tracking-only record.
func appendGroups(t testing.TB, fsys vfs.FS, path string, counts ...int) {
	t.Helper()
	appendIn(t, fsys, path, 2000, counts...)
}

// appendIn is appendGroups with segments of a size.
func appendIn(t testing.TB, fsys vfs.FS, path string, segmentBytes int64, counts ...int) {
	t.Helper()
	must(t, fsys.MkdirAll(filepath.Join(path, "log")))
	dir, err := fsys.OpenDir(filepath.Join(path, "log"))
	must(t, err)
	defer dir.Close()
	newID := func() (eventlog.StoreID, error) { return eventlog.StoreID([]byte("a store for test")), nil }
	log, appender, writer, err := eventlog.Open(dir, eventlog.Options{SegmentBytes: segmentBytes, NewID: newID})
	must(t, err)
	for _, count := range counts {
		tail := appender.Tail()
		payload := groupPayload(t, tail.Next, count)
		_, err := appender.Reserve(0, len(payload))
		must(t, err)
		sealed := appender.Seal(append(make([]byte, eventlog.GroupPrefix), payload...), eventlog.KindRecords, count, start.Add(time.Duration(tail.Index)*time.Second).UnixNano())
		must(t, errors.Join(writer.Write(sealed), writer.Sync()))
	}
	must(t, log.Close(appender, writer))
}

// groupPayload returns the records of a group. Each event has a tracking-only record after
// it.
func groupPayload(t testing.TB, first uint64, count int) (payload []byte) {
	t.Helper()
	tracking := func(position uint64) []byte {
		return record.AppendTracking([]byte{}, &dcb.TrackingInfo{Source: "web", Position: position})
	}
	if count == 0 {
		return record.AppendTrackingRecord(nil, tracking(first))
	}
	limits := dcb.Limits{}.WithDefaults()
	for i := range count {
		position := first + uint64(i)
		request, err := record.NewAppend([]dcb.Event{{Type: "T", Tags: []string{fmt.Sprint("n:", position)}, Data: bytes.Repeat([]byte{7}, 100)}}, nil, nil, &limits)
		must(t, err)
		for event := range request.All() {
			payload = record.AppendEventRecord(payload, position, event, nil)
		}
		payload = record.AppendTrackingRecord(payload, tracking(position))
	}
	return payload
}

// storeDir returns the path of a new store with several segments and kinds of groups.
func storeDir(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store")
	appendGroups(t, vfs.OS{}, path, 1, 3, 0, 5, 2)
	appendGroups(t, vfs.OS{}, path, 4, 1, 6)
	return path
}

func openSource(t testing.TB, path string) *backup.DirectorySource {
	t.Helper()
	s, err := backup.OpenSource(vfs.OS{}, path)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// allGroups returns the groups of a store with bytes of their own.
func allGroups(t testing.TB, path string) (groups []eventlog.Group) {
	t.Helper()
	s, err := backup.OpenSource(vfs.OS{}, path)
	must(t, err)
	defer s.Close()
	for g, err := range s.Groups(context.Background(), eventlog.GroupID{}, false) {
		must(t, err)
		g.Header, g.Payload, g.SegmentHeader = bytes.Clone(g.Header), bytes.Clone(g.Payload), bytes.Clone(g.SegmentHeader)
		groups = append(groups, g)
	}
	return groups
}

// copyOnce copies a store to a directory and closes the copy.
func copyOnce(t testing.TB, from, to string) (backup.Summary, error) {
	t.Helper()
	source, err := backup.OpenSource(vfs.OS{}, from)
	must(t, err)
	defer source.Close()
	target, err := backup.OpenTarget(vfs.OS{}, to)
	if err != nil {
		return backup.Summary{}, err
	}
	summary, err := backup.Copy(context.Background(), source, target, &backup.Options{})
	return summary, errors.Join(err, target.Close())
}

// logFiles returns the content of the log of a store by name.
func logFiles(t testing.TB, path string) map[string]string {
	t.Helper()
	names, err := os.ReadDir(filepath.Join(path, "log"))
	must(t, err)
	files := map[string]string{}
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(path, "log", name.Name()))
		must(t, err)
		files[name.Name()] = string(b)
	}
	return files
}

// groupList is a source that yields groups, and calls before each.
type groupList struct {
	groups []eventlog.Group
	before func(index uint64) error
}

func (l *groupList) Groups(ctx context.Context, after eventlog.GroupID, follow bool) iter.Seq2[eventlog.Group, error] {
	return func(yield func(eventlog.Group, error) bool) {
		for _, g := range l.groups[after.Index:] {
			err := l.before(g.Index)
			if !yield(g, err) || err != nil {
				return
			}
		}
		if follow {
			<-ctx.Done()
			yield(eventlog.Group{}, ctx.Err())
		}
	}
}

func (l *groupList) Head(context.Context) (uint64, error) {
	tail := l.groups[len(l.groups)-1].Tail()
	return tail.Next - 1, nil
}

package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/backup"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// objectMap is an object store in memory.
type objectMap struct {
	content map[string][]byte
	// fail is called before and after each request that changes something.
	fail func(request string, done bool) error
}

func newObjectMap() *objectMap {
	return &objectMap{content: map[string][]byte{}, fail: func(string, bool) error { return nil }}
}

func (m *objectMap) String() string { return "mem://b" }

func (m *objectMap) List(_ context.Context, prefix string) (all []backup.Object, err error) {
	for _, name := range slices.Sorted(maps.Keys(m.content)) {
		if strings.HasPrefix(name, prefix) {
			all = append(all, backup.Object{Name: name, Size: int64(len(m.content[name]))})
		}
	}
	return all, nil
}

func (m *objectMap) Put(_ context.Context, name string, content *io.SectionReader) error {
	if err := m.fail("put", false); err != nil {
		return err
	}
	if _, exists := m.content[name]; exists {
		return backup.ErrExists
	}
	b, err := io.ReadAll(content)
	m.content[name] = b
	return errors.Join(err, m.fail("put", true))
}

func (m *objectMap) Get(_ context.Context, name string) (io.ReadCloser, error) {
	b, exists := m.content[name]
	if !exists {
		return nil, fmt.Errorf("%s: %w", name, backup.ErrMissing)
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

func (m *objectMap) Size(_ context.Context, name string) (int64, error) {
	return int64(len(m.content[name])), nil
}

func (m *objectMap) Delete(_ context.Context, name string) error {
	if err := m.fail("delete", false); err != nil {
		return err
	}
	delete(m.content, name)
	return m.fail("delete", true)
}

// names returns the names of the objects that start with a prefix, in order.
func (m *objectMap) names(prefix string) (names []string) {
	all, _ := m.List(context.Background(), prefix)
	for _, o := range all {
		names = append(names, o.Name)
	}
	return names
}

// copyToObjects copies groups to an object store and closes the copy.
func copyToObjects(source backup.Source, m *objectMap) (backup.Summary, error) {
	target, err := backup.OpenObjectTarget(context.Background(), m, nil)
	if err != nil {
		return backup.Summary{}, err
	}
	summary, err := backup.Copy(context.Background(), source, target, &backup.Options{})
	return summary, errors.Join(err, target.Close())
}

// restoreObjects restores a backup in an object store to a directory.
func restoreObjects(t testing.TB, m *objectMap, to string, until backup.Until) (backup.Summary, error) {
	t.Helper()
	source, err := backup.OpenObjectSource(t.Context(), m)
	if err != nil {
		return backup.Summary{}, err
	}
	return backup.Restore(t.Context(), source, backup.Place{FS: vfs.OS{}, Path: to}, until, &backup.Options{})
}

// wantRestored checks that a backup restores to the files of a store.
func wantRestored(t testing.TB, m *objectMap, want map[string]string) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "restored")
	_, err := restoreObjects(t, m, to, backup.Until{})
	must(t, err)
	if got := logFiles(t, to); !maps.Equal(got, want) {
		t.Fatalf("restored %d files, not the %d of the source", len(got), len(want))
	}
}

// upTo returns a source with the first groups of a store.
func upTo(groups []eventlog.Group, n int) backup.Source {
	return &groupList{groups: groups[:n], before: func(uint64) error { return nil }}
}

func TestObjectsAreContinuedUntilTheyEqualTheirSource(t *testing.T) {
	from := storeDir(t)
	groups, m := allGroups(t, from), newObjectMap()
	for n := range len(groups) + 1 {
		before := maps.Clone(m.content)
		summary, err := copyToObjects(upTo(groups, n), m)
		must(t, err)
		if want := uint64(min(n, 1)); summary.Groups != want {
			t.Fatalf("copied %d groups, want %d", summary.Groups, want)
		}
		for name, content := range before {
			if now, exists := m.content[name]; exists && !bytes.Equal(now, content) || !exists && strings.HasPrefix(name, "segments/") {
				t.Fatalf("%s was overwritten or deleted", name)
			}
		}
	}
	segments := len(logFiles(t, from))
	if segments < 2 || len(m.names("segments/")) != segments-1 {
		t.Fatalf("%d objects of segments, for %d segments", len(m.names("segments/")), segments)
	}
	last := groups[len(groups)-1]
	for _, name := range m.names("tail/") {
		if !strings.Contains(name, fmt.Sprintf("%020d-", last.Base)) && name < m.names("segments/")[segments-2] {
			t.Errorf("%s is obsolete", name)
		}
	}
	wantRestored(t, m, logFiles(t, from))
}

// A backup fails at each request, before or after it was done, and is continued.
func TestObjectsAfterFailureOfAnyRequest(t *testing.T) {
	from := storeDir(t)
	groups, want := allGroups(t, from), logFiles(t, from)
	failure := &dcb.Error{Kind: dcb.ErrTransport, Detail: "no answer"}
	for at := 0; ; at++ {
		m, count, failed := newObjectMap(), 0, false
		m.fail = func(string, bool) error {
			count++
			if count-1 >= at && !failed { // and the attempts of Close after it
				return failure
			}
			return nil
		}
		_, err := copyToObjects(upTo(groups, 3), m)
		if err == nil {
			_, err = copyToObjects(upTo(groups, len(groups)), m)
		}
		if failed = true; err == nil {
			if at < 8 {
				t.Fatalf("only %d requests were made", at)
			}
			return
		}
		if !errors.Is(err, dcb.ErrTransport) {
			t.Fatal(err)
		}
		_, err = copyToObjects(upTo(groups, len(groups)), m)
		must(t, err)
		wantRestored(t, m, want)
	}
}

func TestRestoreOfObjectsUpToAPoint(t *testing.T) {
	from := storeDir(t)
	groups, m := allGroups(t, from), newObjectMap()
	for _, n := range []int{2, 4, len(groups)} {
		_, err := copyToObjects(upTo(groups, n), m)
		must(t, err)
	}
	for position := uint64(1); position <= 22; position++ {
		summary, err := restoreObjects(t, m, filepath.Join(t.TempDir(), "to"), backup.Until{Position: position})
		if err != nil || summary.Tail.Next != position+1 {
			t.Errorf("position %d: %+v, %v", position, summary, err)
		}
	}
	at := time.Unix(0, groups[4].Time)
	if summary, err := restoreObjects(t, m, filepath.Join(t.TempDir(), "to"), backup.Until{Time: at}); err != nil || summary.Tail.Time != at.UnixNano() {
		t.Errorf("%+v, %v", summary, err)
	}
	if _, err := restoreObjects(t, m, t.TempDir(), backup.Until{Position: 23}); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("error %v", err)
	}
}

// A restore that an error interrupted is continued within an object.
func TestRestoreOfObjectsIsContinued(t *testing.T) {
	from, to := storeDir(t), filepath.Join(t.TempDir(), "to")
	groups, m := allGroups(t, from), newObjectMap()
	_, err := copyToObjects(upTo(groups, len(groups)), m)
	must(t, err)
	for n := range uint64(len(groups)) {
		source, err := backup.OpenObjectSource(t.Context(), m)
		must(t, err)
		interrupted := errors.New("interrupted")
		_, err = backup.Restore(t.Context(), &untilGroup{source, n, interrupted}, backup.Place{FS: vfs.OS{}, Path: to}, backup.Until{}, &backup.Options{})
		if !errors.Is(err, interrupted) {
			t.Fatal(err)
		}
	}
	_, err = restoreObjects(t, m, to, backup.Until{})
	must(t, err)
	if !maps.Equal(logFiles(t, to), logFiles(t, from)) {
		t.Error("the restored store differs from its source")
	}
}

// untilGroup is a backup that fails after a group.
type untilGroup struct {
	backup.Backup
	last uint64
	err  error
}

func (u *untilGroup) Groups(ctx context.Context, after eventlog.GroupID, follow bool) iter.Seq2[eventlog.Group, error] {
	return func(yield func(eventlog.Group, error) bool) {
		for g, err := range u.Backup.Groups(ctx, after, follow) {
			if err == nil && g.Index > u.last {
				err = u.err
			}
			if !yield(g, err) || err != nil {
				return
			}
		}
	}
}

func TestInvalidObjectsAreNamed(t *testing.T) {
	groups := allGroups(t, storeDir(t))
	filled := func() *objectMap {
		m := newObjectMap()
		for _, n := range []int{3, len(groups) - 1, len(groups)} {
			_, err := copyToObjects(upTo(groups, n), m)
			must(t, err)
		}
		return m
	}
	for name, change := range map[string]func([]byte) []byte{
		"a flipped bit":      func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 4; return b },
		"truncated":          func(b []byte) []byte { return b[:len(b)-1] },
		"empty":              func([]byte) []byte { return nil },
		"more":               func(b []byte) []byte { return append(bytes.Clone(b), make([]byte, 64)...) },
		"content of another": func([]byte) []byte { return append(bytes.Clone(groups[0].SegmentHeader), groups[0].Header...) },
	} {
		for object := range filled().content {
			m := filled()
			m.content[object] = change(m.content[object])
			_, err := restoreObjects(t, m, t.TempDir(), backup.Until{})
			if !errors.Is(err, dcb.ErrCorruption) || !strings.Contains(err.Error(), object) {
				if object == "origin" && errors.Is(err, dcb.ErrCorruption) { // another ID fits no object
					continue
				}
				t.Errorf("%s: %s: error %v", object, name, err)
			}
		}
	}
	for object := range filled().content {
		m := filled()
		delete(m.content, object)
		_, err := restoreObjects(t, m, t.TempDir(), backup.Until{})
		if last := slices.Max(m.names("tail/")); err == nil && object > last {
			continue // the end of the backup
		}
		if !errors.Is(err, dcb.ErrCorruption) || !strings.Contains(err.Error(), "missing") {
			t.Errorf("without %s: error %v", object, err)
		}
	}
}

func TestPrefixIsForOneStore(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other")
	must(t, os.MkdirAll(other, 0o700))
	appendGroups(t, vfs.OS{}, other, 2, 2)
	groups, others := allGroups(t, storeDir(t)), allGroups(t, other)
	for name, content := range map[string]string{
		"another store":          `{"format":1,"store_id":"00112233445566778899aabbccddeeff"}`,
		"an unknown store":       `{"format":1}`,
		"a format of the future": `{"format":2}`,
	} {
		m := newObjectMap()
		m.content["origin"] = []byte(content)
		if _, err := copyToObjects(upTo(groups, 2), m); err == nil || len(m.content) != 1 {
			t.Errorf("%s: %d objects, error %v", name, len(m.content), err)
		}
	}
	// A store with the same ID and another history.
	m := newObjectMap()
	_, err := copyToObjects(upTo(groups, 4), m)
	must(t, err)
	before := maps.Clone(m.content)
	_, err = copyToObjects(openSource(t, other), m)
	if !errors.Is(err, dcb.ErrIntegrity) || !strings.Contains(err.Error(), "another directory or prefix") || len(m.content) != len(before) {
		t.Errorf("error %v", err)
	}
	// What two such stores wrote at the same time.
	second := newObjectMap()
	_, err = copyToObjects(upTo(others, 2), second)
	must(t, err)
	third := newObjectMap()
	_, err = copyToObjects(upTo(groups, 2), third)
	must(t, err)
	maps.Copy(third.content, second.content)
	for doing, err := range map[string]error{
		"copying":   func() error { _, err := copyToObjects(upTo(groups, 2), third); return err }(),
		"restoring": func() error { _, err := restoreObjects(t, third, t.TempDir(), backup.Until{}); return err }(),
	} {
		if !errors.Is(err, dcb.ErrIntegrity) || !strings.Contains(err.Error(), "two histories") {
			t.Errorf("%s: error %v", doing, err)
		}
	}
}

// Two backups of one store to one prefix overlap.
func TestBackupsAtTheSameTime(t *testing.T) {
	from := storeDir(t)
	groups, want := allGroups(t, from), logFiles(t, from)
	for n := 1; n <= len(groups); n++ {
		m := newObjectMap()
		one, err := backup.OpenObjectTarget(t.Context(), m, nil)
		must(t, err)
		_, err = copyToObjects(upTo(groups, n), m)
		must(t, err)
		for i := range groups {
			must(t, one.Write(&groups[i]))
			if i%2 == 0 {
				must(t, one.Sync())
			}
		}
		must(t, one.Close())
		_, err = copyToObjects(upTo(groups, len(groups)), m)
		must(t, err)
		wantRestored(t, m, want)
	}
}

// Followers create an object at each interval, and repeat what failed.
func TestObjectsOfFollower(t *testing.T) {
	groups := allGroups(t, storeDir(t))
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m, failures, retried := newObjectMap(), 0, 0
		m.fail = func(_ string, done bool) error {
			if failures++; failures%3 == 0 && !done {
				return &dcb.Error{Kind: dcb.ErrTransport, Detail: "no answer"}
			}
			return nil
		}
		target, err := backup.OpenObjectTarget(ctx, m, func(error) { retried++ })
		must(t, err)
		source := &groupList{groups: groups, before: func(uint64) error { return nil }}
		source.before = func(index uint64) error { time.Sleep(4 * time.Second); return nil }
		done := make(chan error)
		go func() {
			_, err := backup.Follow(ctx, source, target, &backup.Options{SyncEvery: 5 * time.Second, Bundle: true})
			done <- errors.Join(err, target.Close())
		}()
		time.Sleep(10 * time.Minute)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if retried == 0 || len(m.names("tail/")) == 0 {
			t.Errorf("%d attempts were repeated, and there are %d objects", retried, len(m.content))
		}
	})
}

func TestDeniedDeletionsAreAccepted(t *testing.T) {
	from := storeDir(t)
	groups, m := allGroups(t, from), newObjectMap()
	m.fail = func(request string, _ bool) error {
		if request == "delete" {
			return &dcb.Error{Kind: dcb.ErrAuthentication, Detail: "access denied"}
		}
		return nil
	}
	for n := range groups {
		_, err := copyToObjects(upTo(groups, n+1), m)
		must(t, err)
	}
	if len(m.names("tail/")) != len(groups) {
		t.Errorf("%d objects", len(m.names("tail/")))
	}
	wantRestored(t, m, logFiles(t, from))
}

// Any segment of a store can be written again with the groups of an object store.
func TestSegmentsAreRepairedFromObjects(t *testing.T) {
	from := storeDir(t)
	want, m := logFiles(t, from), newObjectMap()
	_, err := copyToObjects(openSource(t, from), m)
	must(t, err)
	source, err := backup.OpenObjectSource(t.Context(), m)
	must(t, err)
	dir, err := vfs.OS{}.OpenDir(filepath.Join(from, "log"))
	must(t, err)
	defer dir.Close()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		corrupt := []byte(want[name])
		corrupt[100]++
		must(t, os.WriteFile(filepath.Join(from, "log", name), corrupt, 0o600))
		log, err := eventlog.Inspect(dir, eventlog.DurableGroup{}, t.Context().Err)
		must(t, err)
		after := eventlog.GroupID{}
		for _, segment := range log.Segments() {
			if segment.Corruption == nil {
				after = segment.End.Tail.ID()
				continue
			}
			copied, stop, err := eventlog.ReceivedSource(segment.Base, source.Groups(t.Context(), after, false))
			must(t, err)
			repaired, err := log.Repair(&segment, copied, func() error { return nil })
			stop()
			if err != nil || repaired.Copied == 0 {
				t.Errorf("%s: %+v, %v", name, repaired, err)
			}
			break
		}
		if got := logFiles(t, from); !maps.Equal(got, want) {
			t.Errorf("%s is another", name)
		}
	}
}

package backup_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/backup"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// longSegment returns a store with many groups in one segment, and its groups.
func longSegment(t *testing.T, n int) (path string, groups []eventlog.Group) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "store")
	counts := make([]int, n)
	for i := range counts {
		counts[i] = i % 3
	}
	appendIn(t, vfs.OS{}, path, 64<<20, counts...)
	return path, allGroups(t, path)
}

// A backup with an object for each group, by one process or by one for each, has few of them.
func TestTailObjectsAreMerged(t *testing.T) {
	from, groups := longSegment(t, 600)
	want := logFiles(t, from)
	for name, write := range map[string]func(*objectMap){
		"one process": func(m *objectMap) {
			target, err := backup.OpenObjectTarget(t.Context(), m, nil)
			must(t, err)
			for i := range groups {
				must(t, errors.Join(target.Write(&groups[i]), target.Sync()))
			}
			must(t, target.Close())
		},
		"a process for each": func(m *objectMap) {
			for n := range groups {
				_, err := copyToObjects(upTo(groups, n+1), m)
				must(t, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, most, written := newObjectMap(), 0, 0
			m.fail = func(request string, done bool) error {
				if most = max(most, len(m.content)); request == "put" && done {
					written++
				}
				return nil
			}
			write(m)
			if most > 60 || written < 600 || written > 600*8/7+20 {
				t.Errorf("up to %d objects, %d were written", most, written)
			}
			wantRestored(t, m, want)
		})
	}
}

// Requests fail, or the process is killed, at any moment. What is restored at that moment has
// everything that was durable, and the next backup leaves no part of a merged object.
func TestMergeIsInterruptedAtAnyRequest(t *testing.T) {
	from, groups := longSegment(t, 30)
	want := logFiles(t, from)
	failure := &dcb.Error{Kind: dcb.ErrTransport, Detail: "no answer"}
	for at := 0; ; at++ {
		m, count, durable := newObjectMap(), 0, uint64(0)
		m.fail = func(string, bool) error {
			if count++; count > at {
				return failure
			}
			return nil
		}
		target, err := backup.OpenObjectTarget(t.Context(), m, nil)
		for i := 0; i < len(groups) && err == nil; i++ {
			err = errors.Join(target.Write(&groups[i]), target.Sync())
			durable = target.Durable().Index
		}
		if err == nil {
			if at < 70 {
				t.Fatalf("only %d requests were made", at)
			}
			return
		}
		if !errors.Is(err, dcb.ErrTransport) {
			t.Fatal(err)
		}
		if durable > 0 {
			summary, err := restoreObjects(t, m, filepath.Join(t.TempDir(), "to"), backup.Until{})
			if err != nil || summary.Tail.Index < durable {
				t.Fatalf("request %d: group %d was durable; restored %d: %v", at, durable, summary.Tail.Index, err)
			}
		}
		m.fail = func(string, bool) error { return nil }
		_, err = copyToObjects(upTo(groups, len(groups)), m)
		must(t, err)
		names := m.names("tail/")
		for i := 1; i < len(names); i++ {
			if strings.Split(names[i], "-")[2] <= strings.Split(names[i-1], "-")[3] {
				t.Errorf("request %d: %s is a part of another object: %s", at, names[i], names)
			}
		}
		wantRestored(t, m, want)
	}
}

// replacing is an object store in which a backup continues while it is read.
type replacing struct {
	*objectMap
	page int    // number of names after which more happens
	more func() // a backup
}

func (r *replacing) List(ctx context.Context, prefix string) (all []backup.Object, err error) {
	last := ""
	for {
		rest, err := r.objectMap.List(ctx, prefix)
		rest = slices.DeleteFunc(rest, func(o backup.Object) bool { return o.Name <= last })
		if err != nil || len(rest) == 0 {
			return all, err
		}
		rest = rest[:min(r.page, len(rest))]
		all, last = append(all, rest...), rest[len(rest)-1].Name
		r.more()
	}
}

func (r *replacing) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if name != "origin" {
		r.more()
	}
	return r.objectMap.Get(ctx, name)
}

// Objects are merged while they are listed and read: a restore finds all groups.
func TestObjectsAreMergedWhileTheyAreRead(t *testing.T) {
	from, groups := longSegment(t, 200)
	want := logFiles(t, from)
	raced := 0
	for page := 1; page <= 8; page++ {
		for begin := 1; begin < 140; begin += 7 {
			m := newObjectMap()
			writer, err := backup.OpenObjectTarget(t.Context(), m, nil)
			must(t, err)
			for i := range begin {
				must(t, errors.Join(writer.Write(&groups[i]), writer.Sync()))
			}
			i, calls := begin, 0
			r := &replacing{objectMap: m, page: page, more: func() {
				if calls++; calls%20 != begin%20 {
					return
				}
				for range 9 {
					if i < len(groups) {
						must(t, errors.Join(writer.Write(&groups[i]), writer.Sync()))
						i++
						raced++
					}
				}
			}}
			source, err := backup.OpenObjectSource(t.Context(), r)
			must(t, err)
			to := filepath.Join(t.TempDir(), "to")
			summary, err := backup.Restore(t.Context(), source, backup.Place{FS: vfs.OS{}, Path: to}, backup.Until{}, &backup.Options{})
			if err != nil || summary.Tail.Index < uint64(begin) {
				t.Fatalf("pages of %d, %d groups: restored %d: %v", page, begin, summary.Tail.Index, err)
			}
			for name, got := range logFiles(t, to) {
				if !strings.HasPrefix(want[name], got) {
					t.Errorf("%s is not the start of the segment", name)
				}
			}
			must(t, writer.Close())
		}
	}
	if raced < 500 {
		t.Errorf("only %d groups were written meanwhile", raced)
	}
}

// A key that may not delete leaves the parts of the first merged object, and no more.
func TestNothingIsMergedIfPartsRemain(t *testing.T) {
	from, groups := longSegment(t, 60)
	m := newObjectMap()
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
	if n := len(m.names("tail/")); n != len(groups)+1 {
		t.Errorf("%d objects for %d groups", n, len(groups))
	}
	wantRestored(t, m, logFiles(t, from))
}

// An object with other groups than a larger one is another history, not a part of it.
func TestPartOfAnotherHistoryIsNotDeleted(t *testing.T) {
	_, groups := longSegment(t, 20)
	other := filepath.Join(t.TempDir(), "other")
	appendIn(t, vfs.OS{}, other, 64<<20, 2, 2, 2)
	m, second := newObjectMap(), newObjectMap()
	_, err := copyToObjects(upTo(groups, 10), m)
	must(t, err)
	_, err = copyToObjects(upTo(allGroups(t, other), 2), second)
	must(t, err)
	maps.Copy(m.content, second.content)
	before := maps.Clone(m.content)
	if _, err = copyToObjects(upTo(groups, 12), m); !errors.Is(err, dcb.ErrIntegrity) || !strings.Contains(err.Error(), "two histories") {
		t.Errorf("error %v", err)
	}
	if len(m.content) != len(before) {
		t.Errorf("%d objects, %d before", len(m.content), len(before))
	}
}

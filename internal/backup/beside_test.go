package backup_test

import (
	"context"
	"errors"
	"iter"
	"path/filepath"
	"sync"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/backup"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// history is a groupList that has no groups after one that it does not contain.
type history struct{ *groupList }

func (h history) Groups(ctx context.Context, after eventlog.GroupID, follow bool) iter.Seq2[eventlog.Group, error] {
	if n := after.Index; n == 0 || n <= uint64(len(h.groups)) && h.groups[n-1].Chain == after.Chain {
		return h.groupList.Groups(ctx, after, follow)
	}
	return func(yield func(eventlog.Group, error) bool) {
		yield(eventlog.Group{}, &dcb.Error{Kind: dcb.ErrIntegrity, Detail: "another history"})
	}
}

// Readers of a copy see a prefix of its source that only grows, although the copy is
// opened, closed and continued again and again: that replaces its clean-close record.
func TestReadersBesideCopyThatIsOpenedAndContinued(t *testing.T) {
	from, to := storeDir(t), filepath.Join(t.TempDir(), "copy")
	groups := allGroups(t, from)
	copyGroups := func(n int) {
		target, err := backup.OpenTarget(vfs.OS{}, to)
		must(t, err)
		source := history{&groupList{groups: groups[:n], before: func(uint64) error { return nil }}}
		_, err = backup.Copy(t.Context(), source, target, &backup.Options{})
		must(t, errors.Join(err, target.Close()))
	}
	openAndClose := func() {
		s, err := store.Open(to, nil)
		must(t, err)
		must(t, s.Close())
	}
	copyGroups(1)
	openAndClose()
	open := func() *store.Store {
		s, err := store.Open(to, &store.Options{ReadOnly: true})
		must(t, err)
		return s
	}
	done := make(chan struct{})
	var reading sync.WaitGroup
	for range 2 {
		s := open()
		defer s.Close()
		reading.Go(func() {
			for seen := 0; ; {
				events, head, err := s.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
				if err != nil || len(events) < seen || head != uint64(len(events)) {
					t.Errorf("%d events after %d, head %d, error %v", len(events), seen, head, err)
					return
				}
				seen = len(events)
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	last := open() // used only at certain moments
	defer last.Close()
	for n := 2; n <= len(groups); n++ {
		head := groups[n-1].Tail().Next - 1
		check := func(when string) {
			if have, err := last.Head(t.Context()); err != nil || have != head {
				t.Errorf("after group %d, %s: head %d, want %d, error %v", n, when, have, head, err)
			}
		}
		copyGroups(n)
		check("continued")
		openAndClose()
		check("opened and closed")
	}
	close(done)
	reading.Wait()
}

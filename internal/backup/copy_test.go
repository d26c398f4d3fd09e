package backup_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/backup"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

func TestCopyIsContinuedUntilItEqualsItsSource(t *testing.T) {
	from, to := storeDir(t), filepath.Join(t.TempDir(), "a", "copy")
	for round := range 3 {
		summary, err := copyOnce(t, from, to)
		must(t, err)
		if !maps.Equal(logFiles(t, to), logFiles(t, from)) {
			t.Fatalf("round %d: the copy differs from its source", round)
		}
		want := backup.Summary{Groups: 10, Events: 22}
		if round > 0 {
			want = backup.Summary{Groups: 3, Events: 5}
		}
		if summary.Groups != want.Groups || summary.Events != want.Events {
			t.Errorf("round %d: copied %d groups and %d events", round, summary.Groups, summary.Events)
		}
		appendGroups(t, vfs.OS{}, from, 2, 3)
	}
}

func TestCopyWithoutNewGroups(t *testing.T) {
	from, to := storeDir(t), t.TempDir()
	for range 2 {
		_, err := copyOnce(t, from, to)
		must(t, err)
	}
	if summary, err := copyOnce(t, from, to); err != nil || summary.Groups != 0 || summary.Tail.Index != 10 {
		t.Errorf("%+v, %v", summary, err)
	}
}

// Opening and closing a copy adds a clean-close record to it.
func TestCopyThatWasOnlyOpenedIsContinued(t *testing.T) {
	from, to := storeDir(t), t.TempDir()
	_, err := copyOnce(t, from, to)
	must(t, err)
	cut := len(allGroups(t, from))
	appendGroups(t, vfs.OS{}, from, 2)
	// A copy of a running store does not end with a clean-close record.
	source := &groupList{groups: allGroups(t, from)[:cut+1], before: func(uint64) error { return nil }}
	target, err := backup.OpenTarget(vfs.OS{}, to)
	must(t, err)
	_, err = backup.Copy(t.Context(), source, target, &backup.Options{})
	must(t, errors.Join(err, target.Close()))
	appendGroups(t, vfs.OS{}, to) // opens and closes
	appendGroups(t, vfs.OS{}, from, 3)
	_, err = copyOnce(t, from, to)
	must(t, err)
	if !maps.Equal(logFiles(t, to), logFiles(t, from)) {
		t.Error("the copy differs from its source")
	}
}

// The announcement in a copy that was opened names no group that is added to it.
func TestContinuedCopyHasNoAnnouncement(t *testing.T) {
	from := storeDir(t)
	to, head := announcedCopy(t, from)
	appendGroups(t, vfs.OS{}, from, 1)
	_, err := copyOnce(t, from, to)
	must(t, err)
	if _, err := os.Stat(head); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the announcement is still there: %v", err)
	}
}

// The announcement shows whether the last groups of a directory were lost.
func TestRefusedCopyKeepsTheAnnouncement(t *testing.T) {
	from := storeDir(t)
	to, head := announcedCopy(t, from)
	appendGroups(t, vfs.OS{}, to, 1)
	if _, err := copyOnce(t, from, to); !errors.Is(err, dcb.ErrIntegrity) {
		t.Fatal(err)
	}
	if _, err := os.Stat(head); err != nil {
		t.Errorf("the announcement was removed: %v", err)
	}
}

// announcedCopy copies a store, and writes the announcement of a process that has opened the copy.
func announcedCopy(t *testing.T, from string) (to, head string) {
	to = t.TempDir()
	_, err := copyOnce(t, from, to)
	must(t, err)
	head = filepath.Join(to, "HEAD")
	must(t, os.WriteFile(head, []byte("announcement"), 0o600))
	return to, head
}

func TestCopyWithAnotherHistoryIsRefused(t *testing.T) {
	from := storeDir(t)
	for name, change := range map[string]func(to string){
		"written since":   func(to string) { appendGroups(t, vfs.OS{}, to, 1) },
		"another store":   func(to string) { must(t, os.RemoveAll(to)); appendGroups(t, vfs.OS{}, to, 2, 2) },
		"an empty store":  func(to string) { must(t, os.RemoveAll(to)); appendGroups(t, vfs.OS{}, to) },
		"ahead of source": func(to string) { appendGroups(t, vfs.OS{}, to, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "copy")
			_, err := copyOnce(t, from, to)
			must(t, err)
			change(to)
			before := logFiles(t, to)
			summary, err := copyOnce(t, from, to)
			if !errors.Is(err, dcb.ErrIntegrity) || !strings.Contains(err.Error(), "another directory") || summary.Groups != 0 {
				t.Errorf("copied %d groups, error %v", summary.Groups, err)
			}
			if !maps.Equal(logFiles(t, to), before) {
				t.Error("the directory has changed")
			}
		})
	}
}

func TestTargetMustBeNewEmptyOrACopy(t *testing.T) {
	to := t.TempDir()
	must(t, os.WriteFile(filepath.Join(to, "notes"), nil, 0o600))
	if _, err := backup.OpenTarget(vfs.OS{}, to); !errors.Is(err, dcb.ErrInvalidArgument) || !strings.Contains(err.Error(), "notes") {
		t.Errorf("error %v", err)
	}
}

func TestStoreAndCopyAreLocked(t *testing.T) {
	from, to := storeDir(t), t.TempDir()
	openSource(t, from)
	target, err := backup.OpenTarget(vfs.OS{}, to)
	must(t, err)
	defer target.Close()
	for _, path := range []string{from, to} {
		if _, err := backup.OpenTarget(vfs.OS{}, path); !errors.Is(err, vfs.ErrLocked) {
			t.Errorf("%s: error %v", path, err)
		}
	}
}

func TestInvalidRecordsAreNotCopied(t *testing.T) {
	groups := allGroups(t, storeDir(t))
	source := &groupList{groups: groups, before: func(uint64) error { return nil }}
	groups[1].Payload[3] ^= 1
	target, err := backup.OpenTarget(vfs.OS{}, t.TempDir())
	must(t, err)
	defer target.Close()
	summary, err := backup.Copy(t.Context(), source, target, &backup.Options{})
	if !errors.Is(err, dcb.ErrCorruption) || summary.Groups != 1 {
		t.Errorf("copied %d groups, error %v", summary.Groups, err)
	}
}

func TestCorruptSourceEndsCopy(t *testing.T) {
	from, to := storeDir(t), t.TempDir()
	name := filepath.Join(from, "log", "00000000000000000001.log")
	b, err := os.ReadFile(name)
	must(t, err)
	b[len(b)-5] ^= 1
	must(t, os.WriteFile(name, b, 0o600))
	summary, err := copyOnce(t, from, to)
	if !errors.Is(err, dcb.ErrCorruption) || summary.Groups == 0 {
		t.Errorf("copied %d groups, error %v", summary.Groups, err)
	}
}

// notices is an observer that collects what happens.
type notices struct{ progress, caughtUp, lost, reachable int }

func (n *notices) Progress(backup.Summary) { n.progress++ }
func (n *notices) CaughtUp(backup.Summary) { n.caughtUp++ }
func (n *notices) Lost(error)              { n.lost++ }
func (n *notices) Reachable()              { n.reachable++ }

var errLost = &dcb.Error{Kind: dcb.ErrTransport, Detail: "the connection was lost"}

// durableTail returns the end of a copy as a loss of power would leave it.
func durableTail(t *testing.T, disk *vfs.Mem) eventlog.Tail {
	t.Helper()
	dir, err := disk.Crash(rand.New(rand.NewPCG(1, 2))).OpenDir("copy/log")
	must(t, err)
	log, _, _, err := eventlog.Open(dir, eventlog.Options{ReadOnly: true})
	must(t, err)
	defer log.Close(nil, nil)
	return log.OpenedTail()
}

func TestFollowContinuesWhenTheSourceIsReachableAgain(t *testing.T) {
	groups := allGroups(t, storeDir(t))
	synctest.Test(t, func(t *testing.T) {
		failures := map[uint64]int{1: 3, 4: 1, 9: 2} // by the index of the group
		source := &groupList{groups: groups, before: func(index uint64) error {
			if failures[index] > 0 {
				failures[index]--
				return errLost
			}
			return nil
		}}
		ctx, cancel := context.WithCancel(t.Context())
		disk := vfs.NewMem()
		target, err := backup.OpenTarget(disk, "copy")
		must(t, err)
		n := &notices{}
		done := make(chan error)
		var summary backup.Summary
		go func() {
			var err error
			summary, err = backup.Follow(ctx, source, target, &backup.Options{Observer: n})
			done <- err
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		if durable := durableTail(t, disk); durable != groups[9].Tail() {
			t.Errorf("durable up to %+v", durable)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) || summary.Groups != 10 {
			t.Errorf("copied %d groups, error %v", summary.Groups, err)
		}
		if *n != (notices{progress: 10, caughtUp: 1, lost: 1, reachable: 1}) {
			t.Errorf("notices %+v", n)
		}
		must(t, target.Close())
	})
}

func TestFollowSyncsWhatHasArrived(t *testing.T) {
	groups := allGroups(t, storeDir(t))
	synctest.Test(t, func(t *testing.T) {
		source := &groupList{groups: groups, before: func(uint64) error {
			time.Sleep(time.Hour)
			return nil
		}}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		disk := vfs.NewMem()
		target, err := backup.OpenTarget(disk, "copy")
		must(t, err)
		done, began := make(chan error), time.Now()
		go func() {
			_, err := backup.Follow(ctx, source, target, &backup.Options{})
			done <- err
		}()
		for i := range groups {
			time.Sleep(time.Until(began.Add(time.Duration(i+1)*time.Hour + time.Second)))
			synctest.Wait()
			if durable := durableTail(t, disk); durable != groups[i].Tail() {
				t.Errorf("after %d hours, group %d is durable", i+1, durable.Index)
			}
		}
		cancel()
		<-done
		must(t, target.Close())
	})
}

func TestFollowEndsWhenTheCopyCannotBeSynced(t *testing.T) {
	groups := allGroups(t, storeDir(t))
	synctest.Test(t, func(t *testing.T) {
		failed := errors.New("the disk is gone")
		armed := false
		fsys := vfs.Observe(vfs.NewMem(), func(op vfs.Op) error {
			if armed && op.Kind == "sync" {
				return failed
			}
			return nil
		})
		target, err := backup.OpenTarget(fsys, "copy")
		must(t, err)
		source := &groupList{groups: groups, before: func(index uint64) error {
			armed = index >= 3
			return nil
		}}
		_, err = backup.Follow(t.Context(), source, target, &backup.Options{})
		if !errors.Is(err, failed) || !errors.Is(err, dcb.ErrIO) {
			t.Errorf("error %v", err)
		}
		armed = false
		target.Close()
	})
}

func TestRateBoundsTheCopy(t *testing.T) {
	groups := allGroups(t, storeDir(t))
	bytes := 0
	for _, g := range groups {
		bytes += len(g.Header) + len(g.Payload)
	}
	synctest.Test(t, func(t *testing.T) {
		target, err := backup.OpenTarget(vfs.NewMem(), "copy")
		must(t, err)
		source := &groupList{groups: groups, before: func(uint64) error { return nil }}
		began := time.Now()
		_, err = backup.Copy(t.Context(), source, target, &backup.Options{Rate: 100})
		must(t, errors.Join(err, target.Close()))
		want := time.Duration(bytes) * time.Second / 100
		if took := time.Since(began); took < want*95/100 || took > want*105/100 {
			t.Errorf("%d bytes took %v, want %v", bytes, took, want)
		}
	})
}

package backup_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/backup"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

func restore(t testing.TB, from, to string, until backup.Until) (backup.Summary, error) {
	t.Helper()
	source, err := backup.OpenSource(vfs.OS{}, from)
	must(t, err)
	defer source.Close()
	return backup.Restore(t.Context(), source, backup.Place{FS: vfs.OS{}, Path: to}, until, &backup.Options{})
}

// payloads returns the records of all groups, one after the other.
func payloads(groups []eventlog.Group) (all []byte) {
	for _, g := range groups {
		all = append(all, g.Payload...)
	}
	return all
}

func TestRestoredStoreHasTheSameLog(t *testing.T) {
	from, to := storeDir(t), filepath.Join(t.TempDir(), "restored")
	summary, err := restore(t, from, to, backup.Until{})
	if err != nil || summary.Groups != 10 || summary.Events != 22 {
		t.Fatalf("%+v, %v", summary, err)
	}
	if !maps.Equal(logFiles(t, to), logFiles(t, from)) {
		t.Error("the logs differ")
	}
	if names, _ := os.ReadDir(to); len(names) != 2 {
		t.Errorf("the directory has %v", names)
	}
}

// Up to any position, a restored store has exactly the records up to the event there.
func TestRestoreUpToAPosition(t *testing.T) {
	from := storeDir(t)
	groups := allGroups(t, from)
	all := payloads(groups)
	for position := uint64(1); position <= 22; position++ {
		to := filepath.Join(t.TempDir(), "restored")
		summary, err := restore(t, from, to, backup.Until{Position: position})
		must(t, err)
		if summary.Tail.Next != position+1 || summary.Events != position {
			t.Fatalf("position %d: restored up to %d, %d events", position, summary.Tail.Next-1, summary.Events)
		}
		restored := allGroups(t, to)
		last := &restored[len(restored)-1]
		if got := payloads(restored); !bytes.HasPrefix(all, got) || len(restored) != int(summary.Groups) {
			t.Errorf("position %d: the records differ", position)
		}
		source := &groups[len(restored)-1]
		if last.Index != source.Index || last.Time != source.Time || last.Tail().Next != position+1 {
			t.Errorf("position %d: the last group is %+v", position, last.GroupHeader)
		}
		if whole := last.Count == source.Count; whole != (last.Chain == source.Chain) {
			t.Errorf("position %d: whole is %v, and the chains %x and %x", position, whole, last.Chain, source.Chain)
		}
		appendGroups(t, vfs.OS{}, to, 1) // the store can be written
	}
}

func TestRestoreUpToATime(t *testing.T) {
	from := storeDir(t)
	groups := allGroups(t, from)
	for i := range groups {
		// Several groups may have the same time: a clean-close record has that of the group
		// before it.
		want := 0
		for want < len(groups) && groups[want].Time <= groups[i].Time {
			want++
		}
		for after, expect := range map[time.Duration]int{0: want, time.Nanosecond: want, 900 * time.Millisecond: want} {
			to := filepath.Join(t.TempDir(), "restored")
			summary, err := restore(t, from, to, backup.Until{Time: time.Unix(0, groups[i].Time).Add(after)})
			if err != nil || int(summary.Groups) != expect || summary.Tail != groups[expect-1].Tail() {
				t.Errorf("%v after group %d: %d groups, error %v", after, i+1, summary.Groups, err)
			}
		}
	}
	for name, before := range map[string]time.Time{"before the first group": start.Add(-1), "in 1600": time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC)} {
		to := filepath.Join(t.TempDir(), "restored")
		if _, err := restore(t, from, to, backup.Until{Time: before}); !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(to, "restoring")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the directory restoring remains: %v", name, err)
		}
	}
	for _, year := range []int{2500, 3000, 9999} {
		to := filepath.Join(t.TempDir(), "restored")
		summary, err := restore(t, from, to, backup.Until{Time: time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)})
		if err != nil || int(summary.Groups) != len(groups) {
			t.Errorf("up to the year %d: %d of %d groups, error %v", year, summary.Groups, len(groups), err)
		}
	}
}

func TestRestoreBeyondTheBackup(t *testing.T) {
	to := filepath.Join(t.TempDir(), "restored")
	_, err := restore(t, storeDir(t), to, backup.Until{Position: 23})
	if !errors.Is(err, dcb.ErrInvalidArgument) || !strings.Contains(err.Error(), "ends at position 22") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(to); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory exists: %v", err)
	}
}

func TestRestoreNeverOverwrites(t *testing.T) {
	from, store := storeDir(t), storeDir(t)
	before := logFiles(t, store)
	if _, err := restore(t, from, store, backup.Until{}); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("into a store: %v", err)
	}
	if !maps.Equal(logFiles(t, store), before) {
		t.Error("the store has changed")
	}
	other := t.TempDir()
	must(t, os.WriteFile(filepath.Join(other, "notes"), nil, 0o600))
	if _, err := restore(t, from, other, backup.Until{}); !errors.Is(err, dcb.ErrInvalidArgument) || !strings.Contains(err.Error(), "notes") {
		t.Errorf("into another directory: %v", err)
	}
}

// An interrupted restore can be run again, up to the same point or another one. Until it is
// complete, there is no log.
func TestInterruptedRestoreCanBeRunAgain(t *testing.T) {
	from := storeDir(t)
	groups := allGroups(t, from)
	points := []backup.Until{{}, {Position: 7}, {Position: 22}, {Time: start.Add(3 * time.Second)}, {Position: 1}}
	for stop := uint64(1); stop <= 10; stop += 3 {
		for _, first := range points {
			for _, second := range points {
				t.Run(fmt.Sprint(stop, first, second), func(t *testing.T) {
					to, clean := filepath.Join(t.TempDir(), "restored"), filepath.Join(t.TempDir(), "clean")
					broken := errors.New("interrupted")
					source := &groupList{groups: groups, before: func(index uint64) error {
						if index == stop {
							return broken
						}
						return nil
					}}
					_, err := backup.Restore(t.Context(), source, backup.Place{FS: vfs.OS{}, Path: to}, first, &backup.Options{})
					if err == nil {
						t.Skip("the point is before the interruption")
					}
					if _, statErr := os.Stat(filepath.Join(to, "log")); !errors.Is(statErr, os.ErrNotExist) {
						t.Errorf("an incomplete restore has a log: %v", statErr)
					}
					_, err = restore(t, from, to, second)
					must(t, err)
					_, err = restore(t, from, clean, second)
					must(t, err)
					if !maps.Equal(logFiles(t, to), logFiles(t, clean)) {
						t.Error("the log differs from that of a restore without an interruption")
					}
				})
			}
		}
	}
}

// A restore of another store, interrupted with a partial group, is not continued.
func TestRestoreReplacesLeftoversOfAnotherStore(t *testing.T) {
	from, to := storeDir(t), filepath.Join(t.TempDir(), "restored")
	leftovers := t.TempDir()
	appendGroups(t, vfs.OS{}, leftovers, 3, 3, 3, 3, 3)
	must(t, os.MkdirAll(to, 0o700))
	must(t, os.Rename(filepath.Join(leftovers, "log"), filepath.Join(to, "restoring")))
	_, err := restore(t, from, to, backup.Until{})
	must(t, err)
	if !maps.Equal(logFiles(t, to), logFiles(t, from)) {
		t.Error("the logs differ")
	}
}

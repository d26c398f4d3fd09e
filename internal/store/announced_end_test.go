package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

// What is left of a corrupt last group looks like a torn write, and Open would truncate it. If
// the group was announced, it was durable and acknowledged: it is lost, and nothing may be
// removed.
func TestOpenRefusesToTruncateAnAnnouncedGroup(t *testing.T) {
	disk, last := killed(t)
	content := readAll(t, disk, last)
	flipBit(t, disk, last, int64(len(strings.TrimRight(string(content), "\x00")))-5)
	corrupt := disk.Kill()
	_, err := store.Open(crashDir, smallOptions(disk))
	if !errors.Is(err, dcb.ErrCorruption) || !strings.Contains(err.Error(), "was durable") {
		t.Errorf("opening the store: %v", err)
	}
	if string(readAll(t, disk, last)) != string(readAll(t, corrupt, last)) {
		t.Error("opening has changed the log")
	}
	if report := mustCheck(t, disk); len(report.Problems) == 0 {
		t.Error("the check finds no problem")
	}
	// Without the announcement, nothing shows that the group was complete.
	remove(t, disk, crashDir+"/HEAD")
	s, err := store.Open(crashDir, smallOptions(disk))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// An announcement that says less than the log, or nothing, prevents nothing.
func TestOpenIgnoresAnAnnouncementThatShowsNothing(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "zeros": strings.Repeat("\x00", 72), "no announcement": strings.Repeat("x", 72)} {
		disk, _ := killed(t)
		putFile(t, disk, crashDir+"/HEAD", []byte(content))
		s, err := store.Open(crashDir, smallOptions(disk))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	disk, _ := killed(t) // with its own announcement
	if s, err := store.Open(crashDir, smallOptions(disk)); err != nil {
		t.Error(err)
	} else if err := s.Close(); err != nil {
		t.Error(err)
	}
}

package store

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/storedir"
	"github.com/umadb-go/umadb/internal/vfs"
)

// headName is the name of the file that announces the published head.
const headName = storedir.HeadName

// announceInterval is the shortest time between two announcements.
const announceInterval = 20 * time.Millisecond

// announceRetry is the pause after an announcement that could not be written.
const announceRetry = time.Second

// headBytes is the size of an announcement.
const headBytes = 72

// headFormat is the format of an announcement:
//
//	 0  8  magic
//	 8  4  format version
//	12  4  zero
//	16 16  store ID
//	32  8  index of the last durable group
//	40  8  its chain
//	48  8  XXH3 of the name of the machine
//	56  8  XXH3 of the boot ID, 0 if unknown
//	64  4  zero
//	68  4  CRC-32C of bytes 0 to 67
var headFormat = vfs.Format{Magic: "UmaDBhd\x00", Version: 1, Size: headBytes}

// announcement is the content of the file HEAD: everything up to a group is durable, in shared
// mode perhaps only in the shared log.
type announcement struct {
	store  eventlog.StoreID
	group  eventlog.GroupID
	system systemID
}

// systemID is a vfs.System as it is stored.
type systemID struct{ host, boot uint64 }

func newSystemID(s vfs.System) systemID {
	id := systemID{host: xxh3.HashString(s.Host)}
	if s.Boot != "" {
		id.boot = xxh3.HashString(s.Boot)
	}
	return id
}

// restartOf reports whether id is a later start of the machine of other.
func (id systemID) restartOf(other systemID) bool {
	return id.host == other.host && id.boot != other.boot && id.boot != 0 && other.boot != 0
}

func (a *announcement) encode() []byte {
	b := headFormat.New()
	copy(b[16:], a.store[:])
	binary.LittleEndian.PutUint64(b[32:], a.group.Index)
	binary.LittleEndian.PutUint64(b[40:], a.group.Chain)
	binary.LittleEndian.PutUint64(b[48:], a.system.host)
	binary.LittleEndian.PutUint64(b[56:], a.system.boot)
	return headFormat.Seal(b)
}

// decodeAnnouncement decodes an announcement and reports whether it is valid. One that is
// being written may be invalid.
func decodeAnnouncement(b []byte) (a announcement, valid bool) {
	if headFormat.Check(b) != nil {
		return a, false
	}
	a.store = eventlog.StoreID(b[16:])
	a.group = eventlog.GroupID{Index: binary.LittleEndian.Uint64(b[32:]), Chain: binary.LittleEndian.Uint64(b[40:])}
	a.system = systemID{host: binary.LittleEndian.Uint64(b[48:]), boot: binary.LittleEndian.Uint64(b[56:])}
	return a, true
}

// isUnknown reports whether the file did not contain an announcement.
func (a *announcement) isUnknown() bool { return a.store == eventlog.StoreID{} }

// announcer writes announcements. They are never synced: after a power failure an older one
// is as true as before.
type announcer struct {
	file    vfs.File // nil if it could not be opened
	system  systemID
	group   uint64 // the last that was announced
	failing bool   // the last attempt has failed
}

// openAnnouncer announces the head with which the store was opened. Without announcements
// the store works, but readers in other processes see its last group late.
func (s *Store) openAnnouncer() {
	a := &s.announcement
	a.system = newSystemID(s.options.FS.System())
	if s.tryAnnounce() {
		return
	}
	if a.file != nil {
		// If an announcement of an earlier start of the system remained, readers would believe
		// that no process writes.
		_ = a.file.Truncate(0)
	}
	wake(s.background.announce)
}

// tryAnnounce announces the published head and reports whether it succeeded. It logs the first
// failure in a row.
func (s *Store) tryAnnounce() bool {
	a := &s.announcement
	err := s.announce()
	if err != nil && !a.failing {
		s.options.Logger.Warn("cannot announce new events to readers in other processes; will try again", "error", err)
	}
	a.failing = err != nil
	return err == nil
}

func (a *announcer) open(root vfs.Dir) error {
	file, err := root.OpenWrite(headName)
	if errors.Is(err, fs.ErrNotExist) {
		file, err = root.Create(headName)
	}
	if err == nil {
		a.file = file
	}
	return err
}

// announce announces the published head, unless that was done.
func (s *Store) announce() error {
	a := &s.announcement
	published := s.published.Load()
	if published.group == a.group && a.group != 0 {
		return nil
	}
	if a.file == nil {
		if err := a.open(s.files.root); err != nil {
			return err
		}
	}
	current := announcement{s.log.ID(), eventlog.GroupID{Index: published.group, Chain: published.end.Tail.Chain}, a.system}
	_, err := a.file.WriteAt(current.encode(), 0)
	if err == nil {
		a.group = published.group
	}
	return err
}

// runAnnouncer announces the published head soon after it has moved. Under load the next
// group shows readers that the one before it is durable, so announcements can be rare, and
// cost the commits nothing.
func (s *Store) runAnnouncer() {
	b := &s.background
	for b.wait(b.announce) {
		pause := announceInterval
		if !s.tryAnnounce() {
			pause = announceRetry
			wake(b.announce)
		}
		select {
		case <-time.After(pause):
		case <-b.ctx.Done():
		}
	}
	_ = s.announce() // what was published during the pause
}

// announcedGroup returns the group that the file HEAD announces as durable, zero if none is
// known. A reader reads the file itself, and that of a replica announces groups that are
// durable in the shared log only.
func (s *Store) announcedGroup() (known eventlog.DurableGroup, err error) {
	if s.mode == reading {
		return known, nil
	}
	if _, shared, err := readSharedMark(s.files.root); shared || err != nil {
		return known, err
	}
	a, err := s.readAnnouncement()
	if _, corrupt := errors.AsType[*vfs.CorruptionError](err); corrupt {
		return known, nil // the next announcement replaces it
	}
	if a != nil {
		known = eventlog.DurableGroup{Store: a.store, Index: a.group.Index}
	}
	return known, err
}

// readAnnouncement reads the file HEAD. It returns nil if there is none: no process has the
// store open, unless it could not create the file. If the file is empty or incomplete, as on a
// full disk or after a power failure, the announcement is unknown.
func (s *Store) readAnnouncement() (*announcement, error) {
	b, err := vfs.ReadOverwritten(s.files.root, headName, headBytes, func(b []byte) bool {
		_, valid := decodeAnnouncement(b)
		return valid || len(b) == 0
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a, valid := decodeAnnouncement(b)
	if valid || len(b) < headBytes || b[0] == 0 {
		return &a, nil
	}
	return nil, &vfs.CorruptionError{File: filepath.Join(s.files.root.Path(), headName), What: "it is not an announcement of the head; remove it if no process has the store open"}
}

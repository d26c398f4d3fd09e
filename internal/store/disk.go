package store

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"

	"github.com/umadb-go/umadb/internal/vfs"
)

// The limit of the disk space, Options.MaxDiskBytes, is checked before space is allocated
// for the log: what the log and the index take, the growth itself, and a reserve for the
// index must fit. Index blocks are derived and must be written in any case, so they use the
// reserve: it has space for the head blocks that are not written yet, and for a compaction.
// A compaction that needs more than the reserve is postponed unless it fits.

// compactionShare is the part of the limit that is reserved for compactions.
const compactionShare = 16

// DiskUsage is the disk space that a store takes.
type DiskUsage struct {
	// LogBytes is the length of the files of the log, with preallocated space, and
	// IndexBytes that of the index blocks.
	LogBytes, IndexBytes int64
	// ReservedBytes is kept for index blocks that are not written yet, and for compactions.
	ReservedBytes int64
	// MaxBytes is the limit; 0 if there is none.
	MaxBytes int64
	// FreeBytes is the free space of the file system, and FileSystemBytes its size. If the
	// log and the index are in different file systems, they are those of the one with less
	// free space. They are 0 if unknown.
	FreeBytes, FileSystemBytes int64
}

// DiskBytes returns the length of the files of the log and of the index.
func (u *DiskUsage) DiskBytes() int64 { return u.LogBytes + u.IndexBytes }

// percent returns how much of the limit is used or reserved, in percent.
func (u *DiskUsage) percent() int64 {
	if u.MaxBytes == 0 {
		return 0
	}
	return int64(float64(u.DiskBytes()+u.ReservedBytes) / float64(u.MaxBytes) * 100)
}

// disk is what a store knows about its disk space, except for the length of its files.
type disk struct {
	max        atomic.Int64 // Options.MaxDiskBytes, or the last SetMaxDiskBytes
	compacting atomic.Int64 // bytes that the compactions in progress may write
	free, size atomic.Int64 // of the file system; 0 if unknown

	// refusal is the last append, or group of a standby, that was refused for lack of space,
	// until there is space for it.
	refusal atomic.Pointer[refusal]
	// tooLarge reports whether a compaction is postponed because it does not fit.
	tooLarge atomic.Bool
}

// refusal is an append that was refused for lack of space.
type refusal struct {
	bytes int64
	cause error
}

// DiskUsage returns the disk space that the store takes. It uses no files: the free space
// is at most one second old.
func (s *Store) DiskUsage() DiskUsage {
	u := DiskUsage{
		LogBytes: s.log.DiskBytes(), IndexBytes: s.states.blockBytes.Load(),
		MaxBytes: s.disk.max.Load(), FreeBytes: s.disk.free.Load(), FileSystemBytes: s.disk.size.Load(),
	}
	for _, head := range s.states.current.Load().heads {
		u.ReservedBytes += int64(head.Bytes())
	}
	u.ReservedBytes += max(min(u.IndexBytes, u.MaxBytes/compactionShare), s.disk.compacting.Load())
	return u
}

// SetMaxDiskBytes changes the limit of the disk space; 0 means none.
func (s *Store) SetMaxDiskBytes(bytes int64) {
	s.disk.max.Store(bytes)
	s.forgetRefusal()
	wake(s.background.preallocate)
	wake(s.background.compact) // a compaction may fit now
}

// AppendRefusal returns the error with which appends are refused for lack of disk space,
// or nil. A standby refuses all appends, for another reason.
func (s *Store) AppendRefusal() error {
	if r := s.disk.refusal.Load(); r != nil && s.mode == writing {
		return notReserved(r.cause)
	}
	return nil
}

// mayGrow returns an error if the log must not grow by more bytes, see
// eventlog.Options.MayGrow.
func (s *Store) mayGrow(unused, more int64) error {
	u := s.DiskUsage()
	if u.MaxBytes == 0 {
		return nil
	}
	// An index block takes up to about half of the log that it covers.
	if u.DiskBytes()+u.ReservedBytes+more+(unused+more)/2 <= u.MaxBytes {
		return nil
	}
	return &diskLimitError{u}
}

// diskLimitError is the error for a log that must not grow. It matches vfs.IsFull.
type diskLimitError struct{ usage DiskUsage }

func (e *diskLimitError) Error() string {
	return fmt.Sprintf("the limit is %d bytes: the log takes %d, the index %d, and %d are reserved for the index",
		e.usage.MaxBytes, e.usage.LogBytes, e.usage.IndexBytes, e.usage.ReservedBytes)
}

// Is reports whether target is the error of a full disk.
func (e *diskLimitError) Is(target error) bool { return target == syscall.ENOSPC }

// isDiskLimit reports whether an error is that of the limit, and not of a full disk.
func isDiskLimit(err error) bool {
	var limit *diskLimitError
	return errors.As(err, &limit)
}

// noteReserve records the result of reserving space for an append.
func (s *Store) noteReserve(bytes int64, err error) {
	switch r := s.disk.refusal.Load(); {
	case vfs.IsFull(err):
		if r != nil {
			bytes = min(bytes, r.bytes)
		}
		s.disk.refusal.Store(&refusal{bytes, err})
	case err == nil && r != nil && bytes >= r.bytes:
		s.disk.refusal.Store(nil)
	}
}

// forgetRefusal forgets the last refusal if there is space for its append now.
func (s *Store) forgetRefusal() {
	r := s.disk.refusal.Load()
	if r == nil || s.mayGrow(0, r.bytes) != nil {
		return
	}
	if !isDiskLimit(r.cause) && (s.disk.free.Load() < r.bytes || !errors.Is(r.cause, syscall.ENOSPC)) {
		return // the free space is not known, or it is not what a quota allows
	}
	s.disk.refusal.CompareAndSwap(r, nil)
}

// mayCompact reports whether a compaction that writes a number of bytes fits within the
// limit. If so, the caller must call release after it.
func (s *Store) mayCompact(bytes int64) (release func(), ok bool) {
	u := s.DiskUsage()
	if u.MaxBytes > 0 && u.DiskBytes()+s.disk.compacting.Load()+bytes > u.MaxBytes {
		if !s.disk.tooLarge.Swap(true) {
			s.options.Logger.Warn("index blocks are not compacted: there is not enough space below the limit of the disk", "bytes", bytes, "limit", u.MaxBytes)
		}
		return nil, false
	}
	s.disk.tooLarge.Store(false)
	return s.willWrite(bytes), true
}

// willWrite counts bytes that are about to be written to the index, until release is called.
func (s *Store) willWrite(bytes int64) (release func()) {
	s.disk.compacting.Add(bytes)
	return func() { s.disk.compacting.Add(-bytes) }
}

const (
	// fewPercent and fewBytes are the free space of a file system that causes a warning:
	// less than both.
	fewPercent = 5
	fewBytes   = 10 << 30
)

// diskWarnings logs when little space is left. It is used by one goroutine.
type diskWarnings struct {
	store   *Store
	percent int64 // the highest level that was reached; 0 if none
	few     bool  // the file system had little free space
}

// update measures the free space of the file systems, and logs changes.
func (w *diskWarnings) update() {
	s := w.store
	s.measureFree()
	s.forgetRefusal()
	u := s.DiskUsage()
	if w.crosses(u.percent()) {
		s.options.Logger.Warn("the store takes most of the disk space that it may take", "percent", u.percent(),
			"limit", u.MaxBytes, "log", u.LogBytes, "index", u.IndexBytes, "reserved", u.ReservedBytes)
	}
	few := u.FreeBytes < min(u.FileSystemBytes/100*fewPercent, fewBytes)
	if few && !w.few {
		s.options.Logger.Warn("the file system of the store has little free space", "free", u.FreeBytes, "size", u.FileSystemBytes)
	}
	w.few = few
}

// crosses reports whether the use of the limit, in percent, has reached another level that
// is worth a warning. It may vary by some percent at a level.
func (w *diskWarnings) crosses(percent int64) bool {
	const variation = 5
	before, level := w.percent, int64(0)
	for _, warn := range []int64{80, 95} {
		if percent >= warn || warn <= before && percent >= warn-variation {
			level = warn
		}
	}
	w.percent = level
	return level > before
}

// measureFree measures the free space of the file systems of the log and of the index.
func (s *Store) measureFree() {
	free, size, err := s.files.log.Free()
	if s.files.index != nil && err == nil {
		var other, otherSize int64
		if other, otherSize, err = s.files.index.Free(); err == nil && other < free {
			free, size = other, otherSize
		}
	}
	if err == nil {
		s.disk.free.Store(free)
		s.disk.size.Store(size)
	}
}

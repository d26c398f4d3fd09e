package store

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

// tail returns the last segment if its header and all other segments are valid, and the
// state of the log after its last valid group.
func (r *repair) tail() (last *eventlog.Inspected, tail eventlog.Tail) {
	segments := r.log.Segments()
	for i := range segments {
		if last = &segments[i]; last.Corruption != nil && !last.Last {
			return nil, tail
		}
	}
	if last == nil || last.End.Offset == 0 {
		return nil, tail
	}
	return last, last.End.Tail
}

// measureLoss counts the events that truncating the tail would lose: those of groups after
// the corruption, and those that only the index shows.
func (r *repair) measureLoss() error {
	last, tail := r.tail()
	if last == nil {
		return nil
	}
	indexed, err := r.indexed(last)
	group, next := max(last.Later.Index, indexed.Index), max(last.Later.Next, indexed.Next)
	r.report.Lost = next - tail.Next
	if last.Durable > group || last.Unreadable && group == tail.Index {
		r.report.Lost, r.report.LostMore = max(r.report.Lost, 1), true
	}
	r.report.CanTruncate = last.Corruption != nil || last.Torn != nil || r.report.Lost > 0
	if r.report.Lost > 0 {
		r.report.FirstLost = tail.Next
	}
	return err
}

// indexed returns the end of the last segment, or what the index shows after it.
func (r *repair) indexed(last *eventlog.Inspected) (tail eventlog.Tail, err error) {
	tail = last.End.Tail
	err = r.eachBlockAfter(last, func(b indexFile) error {
		tail.Index, tail.Next = max(tail.Index, b.LastGroup), max(tail.Next, b.Next())
		return nil
	})
	return tail, err
}

// indexFile is the file of an index block with a valid header, which may be outdated.
type indexFile struct {
	index.Span
	name  string // the path
	bytes int64
}

// eachBlockAfter calls do with each valid index block that covers groups after the last
// valid one of the last segment.
func (r *repair) eachBlockAfter(last *eventlog.Inspected, do func(indexFile) error) error {
	spans, err := r.store.blockFiles()
	if err != nil {
		return err
	}
	for _, span := range spans {
		if span.LastGroup <= last.End.Tail.Index {
			continue
		}
		var file indexFile
		b, err := index.OpenBlock(r.store.files.index, span.FileName(), last.Store, index.NewCache(0))
		var corruption *vfs.CorruptionError
		var outdated *index.OutdatedError
		switch {
		case errors.As(err, &corruption):
			continue // opening the store removes it
		case errors.As(err, &outdated):
			file = indexFile{outdated.Span, outdated.Name, outdated.Bytes}
			err = nil
		case err == nil:
			file = indexFile{b.Span, b.Name, b.Bytes}
			err = b.Close()
		}
		if err == nil {
			err = do(file)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// truncate removes what follows the last valid group. The blocks of the index that cover
// more go first: they only show what is lost.
func (r *repair) truncate() error {
	last, tail := r.tail()
	if last == nil {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the end of the log cannot be truncated: an earlier segment, or the header of the last one, is corrupt; nothing was truncated; repair these from a copy first"}
	}
	if !r.report.CanTruncate {
		return nil
	}
	if lost := r.report.Lost; lost != r.options.DiscardEvents {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf(
			"truncating would lose %s; nothing was truncated; repair from a copy, or permit the loss of exactly %d events (--discard-events %d)",
			r.report.LossText(), lost, lost)}
	}
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if err := r.removeScrub(); err != nil {
		return err
	}
	if last.Size > last.End.Offset {
		if err := r.keep(last, last.End.Offset); err != nil {
			return err
		}
	}
	if err := r.removeBlocks(last); err != nil {
		return err
	}
	if err := r.removeAnnouncement(tail); err != nil {
		return err
	}
	if err := r.log.TruncateTail(); err != nil {
		return err
	}
	r.step(RepairStep{"truncated", last.Name, last.End.Offset, last.Size, fmt.Sprintf("the log ends with group %d and position %d", tail.Index, tail.Next-1)})
	r.report.CanTruncate = false
	return nil
}

// LossText describes the events that truncating the tail loses or would lose.
func (r *RepairReport) LossText() string {
	events := "1 event"
	if r.Lost != 1 {
		events = fmt.Sprintf("%d events", r.Lost)
	}
	if r.LostMore {
		return fmt.Sprintf("at least %s, from position %d on", events, r.FirstLost)
	}
	return fmt.Sprintf("%s, from position %d to %d", events, r.FirstLost, r.FirstLost+max(r.Lost, 1)-1)
}

// removeBlocks removes the blocks of the index that cover groups after the last valid one.
func (r *repair) removeBlocks(last *eventlog.Inspected) error {
	dir := r.store.files.index
	if dir == nil {
		return nil
	}
	err := r.eachBlockAfter(last, func(b indexFile) error {
		if err := dir.Remove(b.FileName()); err != nil {
			return err
		}
		r.step(RepairStep{"removed", b.name, 0, b.bytes, fmt.Sprintf("an index block up to group %d; opening the store builds it again", b.LastGroup)})
		return nil
	})
	if err != nil {
		return err
	}
	return dir.Sync()
}

// removeAnnouncement removes the file HEAD if it announces a group after tail. Read-only
// stores would report that the group is lost.
func (r *repair) removeAnnouncement(tail eventlog.Tail) error {
	a, err := r.store.readAnnouncement()
	var corruption *vfs.CorruptionError
	if err != nil && !errors.As(err, &corruption) || err == nil && (a == nil || a.group.Index <= tail.Index) {
		return err
	}
	root := r.store.files.root
	if err := vfs.RemoveFile(root, headName); err != nil {
		return err
	}
	r.step(RepairStep{"removed", filepath.Join(root.Path(), headName), 0, headBytes, "it announces a later group; opening the store writes it again"})
	return nil
}

package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

// Repair changes as little as possible, and nothing before the bytes that it replaces are
// durable in the directory repair/ of the store. A crash at any step leaves either the
// corrupt file or the new one, and Repair can be called again.

// keptName is the directory, in that of the store, with the bytes that Repair replaced.
const keptName = "repair"

// RepairOptions configure Repair. The zero value only examines the store.
type RepairOptions struct {
	Options
	// From is the directory of a copy of the store. Corrupt and missing segments are
	// written again with its groups. With Groups, it is only a name for messages.
	From string
	// Groups iterates over the groups of a copy that is elsewhere, as (*Store).Groups does.
	Groups func(ctx context.Context, after eventlog.GroupID) iter.Seq2[eventlog.Group, error]
	// TruncateTail removes what is corrupt at the end of the log.
	TruncateTail bool
	// DiscardEvents is the number of events that TruncateTail may lose. It must be the
	// exact number.
	DiscardEvents uint64
	// Step is called for each finding and for each completed change. It may be nil.
	Step func(RepairStep)
}

// RepairStep is a finding or a change of Repair.
type RepairStep struct {
	// Step is "corrupt" or "torn" for findings, "kept", "removed", "truncated" or
	// "written" for changes.
	Step string `json:"step"`
	File string `json:"file"`
	From int64  `json:"from"` // byte range; To is 0 if it is not known
	To   int64  `json:"to"`
	What string `json:"what"`
}

// RepairReport is the result of Repair.
type RepairReport struct {
	Steps []RepairStep `json:"steps"`
	// Corrupt is the number of segments that are still corrupt or missing.
	Corrupt int `json:"corrupt_segments"`
	// CanTruncate reports whether the end of the log is corrupt and can be truncated.
	CanTruncate bool `json:"can_truncate"`
	// Lost is the number of events that truncating the tail loses or would lose, and
	// FirstLost the position of the first. They are set only if the end of the log is
	// corrupt.
	Lost      uint64 `json:"lost_events"`
	FirstLost uint64 `json:"first_lost,omitempty"`
}

// Repair examines the log of a store that is not open, and repairs it as the options
// permit. It then reports what is still corrupt; Check verifies the rest.
func Repair(ctx context.Context, dir string, options *RepairOptions) (*RepairReport, error) {
	r := &repair{ctx: ctx, options: options, store: newStore(dir, &options.Options)}
	r.report.Steps = []RepairStep{}
	s := r.store
	err := s.openDirectory(true)
	s.options.ReadOnly = true // listing the index removes nothing
	if err == nil {
		err = s.files.openIndex(true)
	}
	if err == nil {
		err = r.run()
	}
	err = errors.Join(err, s.files.close())
	if err != nil {
		return nil, storeError(err, "repairing "+dir)
	}
	return &r.report, nil
}

type repair struct {
	ctx      context.Context
	options  *RepairOptions
	store    *Store
	report   RepairReport
	segments []eventlog.Inspected
}

func (r *repair) run() error {
	if err := r.inspect(); err != nil {
		return err
	}
	for _, segment := range r.segments {
		r.describe(&segment)
	}
	if r.options.From != "" {
		if err := r.mend(); err != nil {
			return err
		}
	}
	if err := r.measureLoss(); err != nil {
		return err
	}
	if r.options.TruncateTail {
		return r.truncate()
	}
	return nil
}

// inspect reads the log, and counts what is corrupt.
func (r *repair) inspect() (err error) {
	r.report.Corrupt = 0
	r.segments, err = eventlog.Inspect(r.store.files.log)
	for _, segment := range r.segments {
		if segment.Corruption != nil {
			r.report.Corrupt++
		}
	}
	return err
}

func (r *repair) step(s RepairStep) {
	r.report.Steps = append(r.report.Steps, s)
	if r.options.Step != nil {
		r.options.Step(s)
	}
}

// describe reports what is corrupt in a segment.
func (r *repair) describe(segment *eventlog.Inspected) {
	switch {
	case segment.Corruption != nil:
		what := segment.Corruption.What
		if segment.LaterGroups > 0 {
			what += fmt.Sprintf("; %d valid groups follow, up to group %d", segment.LaterGroups, segment.Later.Index)
		}
		r.step(RepairStep{"corrupt", segment.Name, segment.Corruption.Offset, segment.Size, what})
	case segment.Torn != nil:
		r.step(RepairStep{"torn", segment.Name, segment.Torn.From, segment.Torn.To, "an incomplete commit; opening the store removes it"})
	}
}

// mend writes the corrupt segments again with groups of the copy, the first one first.
func (r *repair) mend() error {
	source := r.receivedSource
	if r.options.Groups == nil {
		copied := newStore(r.options.From, &Options{FS: r.store.options.FS, ReadOnly: true})
		if err := copied.open(r.ctx); err != nil {
			return fmt.Errorf("opening the copy: %w", err)
		}
		defer copied.free(false)
		source = func(segment *eventlog.Inspected) (*eventlog.MendSource, func(), error) {
			found, err := copied.log.MendSource(segment.Base)
			return found, func() {}, err
		}
	}
	for {
		segment := r.firstCorrupt()
		if segment == nil {
			return nil
		}
		if err := r.mendSegment(segment, source); err != nil {
			return err
		}
		if err := r.inspect(); err != nil {
			return err
		}
		if next := r.firstCorrupt(); next != nil && next.Base == segment.Base {
			return fmt.Errorf("%s is still corrupt", segment.Name)
		}
	}
}

// mendSource returns a segment of a copy, and a function that must be called after its use.
type mendSource = func(*eventlog.Inspected) (*eventlog.MendSource, func(), error)

// receivedSource returns a segment from Groups. All segments before it are valid.
func (r *repair) receivedSource(segment *eventlog.Inspected) (*eventlog.MendSource, func(), error) {
	var after eventlog.GroupID
	for i := range r.segments {
		if r.segments[i].Base < segment.Base {
			after = r.segments[i].End.Tail.ID()
		}
	}
	found, stop, err := eventlog.ReceivedSource(segment.Base, r.options.Groups(r.ctx, after))
	if errors.Is(err, dcb.ErrIntegrity) { // its log has another group there
		err = fmt.Errorf("%w: %w", eventlog.ErrCannotMend, err)
	}
	return found, stop, err
}

func (r *repair) firstCorrupt() *eventlog.Inspected {
	for i := range r.segments {
		if r.segments[i].Corruption != nil {
			return &r.segments[i]
		}
	}
	return nil
}

func (r *repair) mendSegment(segment *eventlog.Inspected, source mendSource) error {
	copied, stop, err := source(segment)
	defer stop()
	var mended eventlog.Mended
	if err == nil {
		mended, err = eventlog.Mend(r.store.files.log, segment, copied, func() error {
			if err := r.ctx.Err(); err != nil || !r.exists(segment) {
				return err
			}
			return r.keep(segment, 0)
		})
	}
	if errors.Is(err, eventlog.ErrCannotMend) {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("cannot repair %s from %s; nothing was changed in it", segment.Name, r.options.From), Cause: err}
	}
	if err != nil {
		return err
	}
	r.step(RepairStep{"written", segment.Name, 0, mended.Bytes, fmt.Sprintf("%d groups, %d of them from %s", mended.Groups, mended.Copied, r.options.From)})
	return nil
}

// exists reports whether the file of a segment exists.
func (r *repair) exists(segment *eventlog.Inspected) bool {
	names, err := r.store.files.log.List()
	for _, name := range names {
		if filepath.Join(r.store.files.log.Path(), name) == segment.Name {
			return true
		}
	}
	return err != nil
}

// keep copies a segment from an offset on into the directory of kept bytes.
func (r *repair) keep(segment *eventlog.Inspected, from int64) (err error) {
	root := r.store.files.root
	if err := root.Mkdir(keptName); err != nil {
		return err
	}
	into, err := root.OpenDir(keptName)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, into.Close()) }()
	name, bytes, err := eventlog.Keep(r.store.files.log, segment.Base, from, into)
	if err != nil {
		return err
	}
	r.step(RepairStep{"kept", segment.Name, from, from + bytes, "in " + filepath.Join(into.Path(), name)})
	return nil
}

// measureLoss counts the events that truncating the tail would lose: those of groups after
// the corruption, and those that only the index shows.
func (r *repair) measureLoss() error {
	last, tail := r.tail()
	if last == nil {
		return nil
	}
	lost := max(last.Later.Next, tail.Next)
	err := r.eachBlockAfter(tail.Index, func(b *index.Block) error {
		lost = max(lost, b.Next())
		return nil
	})
	r.report.Lost = lost - tail.Next
	r.report.CanTruncate = last.Corruption != nil || last.Torn != nil || r.report.Lost > 0
	if r.report.Lost > 0 {
		r.report.FirstLost = tail.Next
	}
	return err
}

// tail returns the last segment if its header and all other segments are valid, and the
// state of the log after its last valid group.
func (r *repair) tail() (last *eventlog.Inspected, tail eventlog.Tail) {
	n := len(r.segments)
	for i := range r.segments {
		if r.segments[i].Corruption != nil && i < n-1 {
			return nil, tail
		}
	}
	if n == 0 || r.segments[n-1].End.Offset == 0 {
		return nil, tail
	}
	return &r.segments[n-1], r.segments[n-1].End.Tail
}

// eachBlockAfter calls do with each valid index block that covers groups after the one with
// an index.
func (r *repair) eachBlockAfter(group uint64, do func(*index.Block) error) error {
	spans, err := r.store.blockFiles()
	if err != nil {
		return err
	}
	id := r.segments[len(r.segments)-1].Store
	for _, span := range spans {
		if span.LastGroup <= group {
			continue
		}
		b, err := index.OpenBlock(r.store.files.index, span.FileName(), id, index.NewCache(0))
		var corruption *vfs.CorruptionError
		if errors.As(err, &corruption) {
			continue // opening the store removes it
		}
		if err != nil {
			return err
		}
		if err := errors.Join(do(b), b.Close()); err != nil {
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
			"truncating would lose %d events, from position %d to %d; nothing was truncated; repair from a copy, or permit the loss of exactly %d events (--discard-events %d)",
			lost, tail.Next, tail.Next+max(lost, 1)-1, lost, lost)}
	}
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if last.Size > last.End.Offset {
		if err := r.keep(last, last.End.Offset); err != nil {
			return err
		}
	}
	err := r.eachBlockAfter(tail.Index, func(b *index.Block) error {
		if err := r.store.files.index.Remove(b.FileName()); err != nil {
			return err
		}
		r.step(RepairStep{"removed", b.Name, 0, b.Bytes, fmt.Sprintf("an index block up to group %d; opening the store builds it again", b.LastGroup)})
		return nil
	})
	if err == nil && r.store.files.index != nil {
		err = r.store.files.index.Sync()
	}
	if err == nil {
		err = r.removeAnnouncement(tail)
	}
	if err == nil {
		err = eventlog.Cut(r.store.files.log, last.End)
	}
	if err != nil {
		return err
	}
	r.step(RepairStep{"truncated", last.Name, last.End.Offset, last.Size, fmt.Sprintf("the log ends with group %d and position %d", tail.Index, tail.Next-1)})
	r.report.CanTruncate = false
	return r.inspect()
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

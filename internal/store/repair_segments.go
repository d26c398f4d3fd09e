package store

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
)

// repairSource returns a segment of a copy, and a function that must be called after its use.
type repairSource = func(*eventlog.Inspected) (*eventlog.RepairSource, func(), error)

// repairSegments writes the corrupt segments again with groups of the copy, the first one
// first.
func (r *repair) repairSegments() error {
	source := r.receivedSource
	if r.options.Groups == nil {
		copied := newStore(checking, r.options.From, &Options{FS: r.store.options.FS})
		err := copied.open(r.ctx)
		if errors.Is(err, fs.ErrNotExist) { // not wrapped, because it is not the store that is missing
			return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("there is no copy of a store in %s", r.options.From)}
		}
		if err != nil {
			return fmt.Errorf("opening the copy: %w", err)
		}
		defer copied.free(false)
		source = func(segment *eventlog.Inspected) (*eventlog.RepairSource, func(), error) {
			found, err := copied.log.RepairSource(segment.Base)
			return found, func() {}, err
		}
	}
	for {
		segment := r.firstCorrupt()
		if segment == nil {
			return r.repairEnd(source)
		}
		if err := r.repairSegment(segment, source); err != nil {
			return err
		}
	}
}

// firstCorrupt returns the first corrupt or missing segment, or nil.
func (r *repair) firstCorrupt() *eventlog.Inspected {
	for _, segment := range r.log.Segments() {
		if segment.Corruption != nil {
			return &segment
		}
	}
	return nil
}

// repairEnd adds what is known to be missing after the end of a log that has no corrupt
// segment: to the last segment, or as a segment after it. What the copy does not contain
// stays missing.
func (r *repair) repairEnd(source repairSource) error {
	for {
		last, tail := r.tail()
		if last == nil {
			return nil
		}
		if indexed, err := r.indexed(last); err != nil || max(indexed.Index, last.Durable) <= tail.Index {
			return err
		}
		last.Later.Index = tail.Index + 1
		err := r.repairSegment(last, source)
		if next := r.log.MissingEnd(); errors.Is(err, eventlog.ErrCannotRepair) && next != nil {
			err = r.repairSegment(next, source)
		}
		if errors.Is(err, eventlog.ErrCannotRepair) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// receivedSource returns a segment from Groups. All segments before it are valid.
func (r *repair) receivedSource(segment *eventlog.Inspected) (*eventlog.RepairSource, func(), error) {
	var after eventlog.GroupID
	for _, earlier := range r.log.Segments() {
		if earlier.Base < segment.Base {
			after = earlier.End.Tail.ID()
		}
	}
	found, stop, err := eventlog.ReceivedSource(segment.Base, r.options.Groups(r.ctx, after))
	if errors.Is(err, dcb.ErrIntegrity) { // its log has another group there
		err = fmt.Errorf("%w: %w", eventlog.ErrCannotRepair, err)
	}
	return found, stop, err
}

func (r *repair) repairSegment(segment *eventlog.Inspected, source repairSource) error {
	copied, stop, err := source(segment)
	defer stop()
	var repaired eventlog.Repaired
	if err == nil {
		repaired, err = r.log.Repair(segment, copied, func() error { return r.beforeWriting(segment) })
	}
	if repaired.Bytes > 0 {
		r.step(RepairStep{"written", segment.Name, 0, repaired.Bytes, fmt.Sprintf("%d groups, %d of them from %s", repaired.Groups, repaired.Copied, r.options.From)})
	}
	if errors.Is(err, eventlog.ErrCannotRepair) {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("cannot repair %s from %s; nothing was changed in it", segment.Name, r.options.From), Cause: err}
	}
	return err
}

// beforeWriting keeps what is replaced when a segment is written.
func (r *repair) beforeWriting(segment *eventlog.Inspected) error {
	if err := r.removeScrub(); err != nil {
		return err
	}
	if !segment.Missing {
		return r.keep(segment, 0)
	}
	if last, _ := r.tail(); segment.Last && last.Torn != nil { // it is truncated to its end
		return r.keep(last, last.End.Offset)
	}
	return nil
}

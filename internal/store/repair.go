package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"

	"github.com/umadb-go/umadb/internal/eventlog"
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
	// LostMore reports whether there may be more, because nothing shows how many events the
	// last of the lost groups have. Lost is then at least 1.
	LostMore bool `json:"lost_more,omitempty"`
}

// Repair examines the log of a store that is not open, and repairs it as the options
// permit. It then reports what is still corrupt; Check verifies the rest. The directory may
// also be that of a standby, which it remains, or a copy that was being written. When ctx is
// done, what was completed remains.
func Repair(ctx context.Context, dir string, options *RepairOptions) (*RepairReport, error) {
	r := &repair{ctx: ctx, options: options, store: newStore(repairing, dir, &options.Options)}
	r.report.Steps = []RepairStep{}
	s := r.store
	err := s.openDirectory(true)
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
	ctx     context.Context
	options *RepairOptions
	store   *Store
	log     *eventlog.Inspection
	report  RepairReport
}

func (r *repair) run() error {
	if err := r.inspect(); err != nil {
		return err
	}
	for _, segment := range r.log.Segments() {
		r.describe(&segment)
	}
	if r.options.From != "" {
		if err := r.repairSegments(); err != nil {
			return err
		}
	}
	if err := r.measureLoss(); err != nil {
		return err
	}
	if r.options.TruncateTail {
		if err := r.truncate(); err != nil {
			return err
		}
	}
	for _, segment := range r.log.Segments() {
		if segment.Corruption != nil {
			r.report.Corrupt++
		}
	}
	return nil
}

// inspect reads the log. A group that was announced in the file HEAD was durable.
func (r *repair) inspect() error {
	announced, err := r.store.announcedGroup()
	if err != nil {
		return err
	}
	r.log, err = eventlog.Inspect(r.store.files.log, announced, r.ctx.Err)
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
	name, bytes, err := r.log.Keep(segment, from, into)
	if err != nil {
		return err
	}
	r.step(RepairStep{"kept", segment.Name, from, from + bytes, "in " + filepath.Join(into.Path(), name)})
	return nil
}

// removeScrub removes the state of the background scrub, whose findings are those of the
// corrupt log. It is called before the log changes, so that they do not remain after a crash.
func (r *repair) removeScrub() error {
	dir := r.store.files.index
	if dir == nil {
		return nil
	}
	err := vfs.RemoveFile(dir, scrubFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	r.step(RepairStep{"removed", filepath.Join(dir.Path(), scrubFile), 0, 0, "it has the findings of the last scrub; the next one starts over"})
	return nil
}

package store

import (
	"context"
	"errors"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// A scrub reads the log and the index of an open store again and verifies them, in the
// order of their positions: first the groups of the log up to the published head, then the
// index blocks. It is inside the gate only while it reads, so that Close does not wait for
// it, and holds no state while it waits, so that replaced blocks can be removed.

const (
	// scrubStep is the number of bytes that a scrub reads at a time. Between two steps it
	// waits.
	scrubStep = 1 << 20
	// scrubBytesPerSecond is the default rate of a scrub.
	scrubBytesPerSecond = 32 << 20
)

// ScrubOptions configure Scrub. The zero value works.
type ScrubOptions struct {
	// BytesPerSecond is the rate of reading. The default is 32 MiB.
	BytesPerSecond int64
	// Progress is called with the number of bytes verified, and approximately of all. It
	// may be nil.
	Progress func(done, all int64)
	// Found is called for each finding that the report lists, before the next call of
	// Progress. It must not use the store. It may be nil.
	Found func(ScrubFinding)
}

// ScrubReport is the result of a scrub.
type ScrubReport struct {
	Started    time.Time      `json:"started"`
	Ended      time.Time      `json:"ended,omitzero"`
	Groups     uint64         `json:"groups"`
	LogBytes   int64          `json:"log_bytes"`
	Blocks     uint64         `json:"blocks"`
	IndexBytes int64          `json:"index_bytes"`
	Findings   []ScrubFinding `json:"findings"`
	// More is the number of findings that are not listed in Findings.
	More uint64 `json:"more_findings,omitempty"`
}

// Bytes returns the number of bytes that were verified.
func (r *ScrubReport) Bytes() int64 { return r.LogBytes + r.IndexBytes }

// ScrubFinding is corruption that a scrub has found.
type ScrubFinding struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	What   string `json:"what"`
	Index  bool   `json:"index"` // in an index block, which is rebuilt
}

// Scrub verifies the log and the index of the open store, at a bounded rate and without
// filling the cache. Corruption is in the report, and the store stays open: reads of what
// is corrupt fail, and corrupt index blocks are rebuilt. An error means that the scrub has
// not been completed.
func (s *Store) Scrub(ctx context.Context, options *ScrubOptions) (*ScrubReport, error) {
	if options == nil {
		options = new(ScrubOptions)
	}
	rate := options.BytesPerSecond
	if rate <= 0 {
		rate = scrubBytesPerSecond
	}
	all := s.scrubBytes()
	c := &scrubber{store: s, ctx: ctx, rate: rate, position: newScrub(), report: options.Found}
	c.stepped = func() {
		if options.Progress != nil {
			options.Progress(c.position.Report.Bytes(), max(all, c.position.Report.Bytes()))
		}
	}
	if err := c.run(); err != nil {
		return nil, storeError(err, "scrubbing the store")
	}
	return &c.position.Report, nil
}

// scrubBytes returns approximately the number of bytes that a scrub reads.
func (s *Store) scrubBytes() int64 {
	return s.log.DiskBytes() + s.states.blockBytes.Load()
}

// scrubPosition is how far a scrub has come. The background scrub keeps it in a file.
type scrubPosition struct {
	Log   eventlog.Point `json:"log"`   // end of the verified groups; zero before the first
	Group uint64         `json:"group"` // the last one of the verified blocks
	Block string         `json:"block"` // the name of the next block, if it is verified in part
	Page  int64          `json:"page"`  // the next one in this block

	Report ScrubReport `json:"report"`
}

// newScrub returns the position of a scrub that starts now.
func newScrub() scrubPosition {
	return scrubPosition{Report: ScrubReport{Started: time.Now().UTC(), Findings: []ScrubFinding{}}}
}

// scrubber is a scrub in progress.
type scrubber struct {
	store    *Store
	ctx      context.Context
	rate     int64 // in bytes per second
	position scrubPosition
	unpaced  int64              // bytes read since the last wait
	stepped  func()             // called after each step
	report   func(ScrubFinding) // called for each listed finding; may be nil
}

// run continues the scrub to its end. The report is complete if there is no error.
func (c *scrubber) run() error {
	if err := c.verifyLog(); err != nil {
		return err
	}
	if err := c.verifyIndex(); err != nil {
		return err
	}
	c.position.Report.Ended = time.Now().UTC()
	c.stepped()
	return nil
}

// ends reports whether an error ends the scrub, and is not one of what it reads.
func (c *scrubber) ends(err error) bool {
	return c.ctx.Err() != nil || errors.Is(err, dcb.ErrClosed)
}

// asCorruption returns the corruption that err is. Any other error is one of reading the
// file, which is a finding as well.
func asCorruption(err error, file string, offset int64) *vfs.CorruptionError {
	var corruption *vfs.CorruptionError
	if errors.As(err, &corruption) {
		return corruption
	}
	return &vfs.CorruptionError{File: file, Offset: offset, What: err.Error()}
}

// found records corruption.
func (c *scrubber) found(corruption *vfs.CorruptionError, inIndex bool) {
	r := &c.position.Report
	if !inIndex { // markCorrupt logs that of the index
		c.store.options.Logger.Error("the log is corrupt; reads of these events fail", "error", corruption)
	}
	if len(r.Findings) == maxProblems {
		r.More++
		return
	}
	finding := ScrubFinding{corruption.File, corruption.Offset, corruption.What, inIndex}
	r.Findings = append(r.Findings, finding)
	if c.report != nil {
		c.report(finding)
	}
}

// pace waits after each step, so that the scrub keeps its rate. It then calls drop.
func (c *scrubber) pace(bytes int64, drop func()) error {
	if c.unpaced += bytes; c.unpaced < scrubStep {
		return nil
	}
	pause := time.Duration(float64(c.unpaced) / float64(c.rate) * float64(time.Second))
	c.unpaced = 0
	c.stepped()
	err := c.store.sleep(c.ctx, pause)
	drop()
	return err
}

// sleep waits. It returns an error if the store closes or ctx is done before.
func (s *Store) sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return s.interrupted(ctx)
	case <-s.closing:
		return dcb.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

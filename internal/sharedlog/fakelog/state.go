package fakelog

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// state is the content of a log. Each method is atomic and does not block.
type state struct {
	mu       sync.Mutex
	origin   *sharedlog.Origin  // nil until the log is created
	records  []sharedlog.Record // all since the origin, trimmed ones included
	last     sharedlog.Point
	trimmed  uint64 // index up to which the records are trimmed
	replicas map[sharedlog.ID]reported
	changed  chan struct{} // closed at the next change that Wait may wait for
}

type reported struct {
	replica sharedlog.Replica
	at      time.Time
}

func (s *state) init() {
	s.replicas = map[sharedlog.ID]reported{}
	s.changed = make(chan struct{})
}

// wake wakes all that wait for a change.
func (s *state) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wakeLocked()
}

func (s *state) wakeLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *state) create(origin sharedlog.Origin) (sharedlog.Origin, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.origin == nil {
		s.origin, s.last, s.trimmed = &origin, origin.Point, origin.Point.Index
	}
	return *s.origin, nil
}

func (s *state) getOrigin() (sharedlog.Origin, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.origin == nil {
		return sharedlog.Origin{}, sharedlog.ErrNoLog
	}
	return *s.origin, nil
}

// append keeps record, and then trims all but the newest records.
func (s *state) append(after sharedlog.Point, chain uint64, record []byte, keep uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.origin == nil:
		return sharedlog.ErrNoLog
	case s.last != after:
		return sharedlog.ErrConflict
	}
	s.last = sharedlog.Point{Index: after.Index + 1, Chain: chain}
	s.records = append(s.records, sharedlog.Record{Index: s.last.Index, Bytes: record})
	s.wakeLocked()
	s.trimLocked(s.last.Index - min(keep, s.last.Index))
	return nil
}

// read returns copies of records.
func (s *state) read(from uint64) ([]sharedlog.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.origin == nil:
		return nil, sharedlog.ErrNoLog
	case from <= s.trimmed:
		return nil, sharedlog.ErrTrimmed
	case from > s.last.Index:
		return nil, nil
	}
	var found []sharedlog.Record
	size := 0
	for _, record := range s.records[from-s.origin.Point.Index-1:] {
		if len(found) == sharedlog.ReadRecords || size >= sharedlog.ReadBytes {
			break
		}
		size += len(record.Bytes)
		found = append(found, sharedlog.Record{Index: record.Index, Bytes: bytes.Clone(record.Bytes)})
	}
	return found, nil
}

func (s *state) getLast() (sharedlog.Point, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.origin == nil {
		return sharedlog.Point{}, sharedlog.ErrNoLog
	}
	return s.last, nil
}

// wait returns the last index, and a channel that is closed when it may have changed.
func (s *state) wait() (last uint64, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last.Index, s.changed
}

func (s *state) trim(through uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.origin == nil {
		return sharedlog.ErrNoLog
	}
	s.trimLocked(through)
	return nil
}

func (s *state) trimLocked(through uint64) {
	s.trimmed = max(s.trimmed, min(through, s.last.Index))
}

func (s *state) report(replica sharedlog.Replica) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replicas[replica.ID] = reported{replica, time.Now()}
}

func (s *state) listed() (replicas []sharedlog.Replica) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, report := range s.replicas {
		if time.Since(report.at) >= sharedlog.ReportTTL {
			delete(s.replicas, id)
			continue
		}
		replicas = append(replicas, report.replica)
	}
	return replicas
}

func (s *state) history() (origin sharedlog.Origin, records []sharedlog.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.origin != nil {
		origin = *s.origin
	}
	return origin, slices.Clone(s.records)
}

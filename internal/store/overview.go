package store

import (
	"context"
	"encoding/hex"
	"time"
)

// Overview describes the state of a store at one moment. Unlike Stats, it does not depend on
// the number of events.
type Overview struct {
	ID   string // identity of the store, 32 hexadecimal digits
	Head uint64 // the position of the last event
	// LastCommit is the time of the last commit; zero if there is none.
	LastCommit time.Time

	Segments  int
	LogBytes  int64 // up to the end of the last group
	Blocks    int
	Uncovered uint64 // events that no block covers yet; they are in head blocks
	DiskBytes int64  // of log and index, with preallocated space

	AppendStall time.Duration // see Store.AppendStall
	ReadOnly    bool          // the store accepts no appends
	Standby     *StandbyState // nil if the store is not a standby
	Failure     error         // with which the store has failed, or nil
}

// Overview returns the state of the store.
func (s *Store) Overview(ctx context.Context) (*Overview, error) {
	if err := s.gate.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	if s.shared == nil { // the state of this server is asked for in particular when the shared log is down
		if err := s.refresh(ctx); err != nil {
			return nil, err
		}
	}
	id := s.log.ID()
	o := &Overview{
		ID:          hex.EncodeToString(id[:]),
		AppendStall: s.AppendStall(),
		ReadOnly:    s.refusal() != nil,
		Standby:     s.StandbyState(),
		Failure:     s.failureError(),
	}
	st := s.states.acquire()
	defer st.release()
	published := s.published.Load() // after the state, so that its blocks cover no later events
	o.Head, o.Uncovered = published.head, published.head
	if at := published.end.Tail.Time; at != 0 {
		o.LastCommit = time.Unix(0, at).UTC()
	}
	o.Blocks = len(st.blocks)
	for _, b := range st.blocks {
		o.Uncovered -= b.Events
	}
	usage := s.DiskUsage()
	o.DiskBytes = usage.DiskBytes()
	var err error
	o.Segments, o.LogBytes, err = s.log.Extent(published.end)
	if err != nil {
		return nil, storeError(err, "measuring the log")
	}
	return o, nil
}

package transfer_test

import (
	"context"
	"io"
	"iter"
	"sync"

	"github.com/umadb-go/umadb/dcb"
)

// memory is a store in memory: a transfer.Log, a Target and a Server.
type memory struct {
	mu          sync.Mutex
	records     []dcb.SequencedEvent // guarded by mu, as is everything below
	connections uint64
	unreachable error         // of each call, if not nil
	changed     chan struct{} // closed by the next change
}

func newMemory(records ...dcb.SequencedEvent) *memory {
	return &memory{records: records, connections: 1, changed: make(chan struct{})}
}

// event returns the event at a position.
func event(position uint64) dcb.SequencedEvent {
	return dcb.SequencedEvent{Position: position, Event: dcb.Event{Type: "T", Tags: []string{"all"}, Data: []byte(`{"a":1}`)}}
}

// tracking returns a tracking-only record.
func tracking(source string, position uint64) dcb.SequencedEvent {
	return dcb.SequencedEvent{Tracking: &dcb.TrackingInfo{Source: source, Position: position}}
}

// change changes the store and wakes subscriptions.
func (m *memory) change(do func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	do()
	close(m.changed)
	m.changed = make(chan struct{})
}

// all returns the records and what a call must return.
func (m *memory) all() ([]dcb.SequencedEvent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.records, m.unreachable
}

func (m *memory) Restore(_ context.Context, records []dcb.SequencedEvent) error {
	m.change(func() { m.records = append(m.records[:len(m.records):len(m.records)], records...) })
	return nil
}

func (m *memory) Records(context.Context) iter.Seq2[dcb.SequencedEvent, error] {
	return func(yield func(dcb.SequencedEvent, error) bool) {
		records, _ := m.all()
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// after returns the events after a position.
func (m *memory) after(position uint64) (events []dcb.SequencedEvent, head uint64, err error) {
	records, err := m.all()
	for _, r := range records {
		head = max(head, r.Position)
		if r.Position > position {
			events = append(events, r)
		}
	}
	return events, head, err
}

func (m *memory) Read(_ context.Context, _ dcb.Query, options dcb.ReadOptions) *dcb.ReadResponse {
	ended := false
	return dcb.NewReadResponse(func() ([]dcb.SequencedEvent, uint64, error) {
		if ended {
			return nil, 0, io.EOF
		}
		ended = true
		return m.after(*options.Start - 1)
	}, func() {})
}

func (m *memory) Head(context.Context) (uint64, error) {
	_, head, err := m.after(0)
	return head, err
}

func (m *memory) TrackingSources(context.Context) iter.Seq2[dcb.TrackingInfo, error] {
	records, _ := m.all()
	last := map[string]uint64{}
	for _, r := range records {
		if r.Tracking != nil {
			last[r.Tracking.Source] = r.Tracking.Position
		}
	}
	return func(yield func(dcb.TrackingInfo, error) bool) {
		for source, position := range last {
			if !yield(dcb.TrackingInfo{Source: source, Position: position}, nil) {
				return
			}
		}
	}
}

func (m *memory) GetTrackingInfo(ctx context.Context, source string) (uint64, bool, error) {
	if _, err := m.all(); err != nil {
		return 0, false, err
	}
	for info := range m.TrackingSources(ctx) {
		if info.Source == source {
			return info.Position, true, nil
		}
	}
	return 0, false, nil
}

func (m *memory) Connections() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.connections
}

// Subscribe yields the first new event only.
func (m *memory) Subscribe(ctx context.Context, _ dcb.Query, after uint64, _ ...dcb.SubscribeOptions) iter.Seq2[dcb.SequencedEvent, error] {
	return func(yield func(dcb.SequencedEvent, error) bool) {
		for {
			m.mu.Lock()
			changed := m.changed
			m.mu.Unlock()
			events, _, err := m.after(after)
			switch {
			case err != nil:
				yield(dcb.SequencedEvent{}, err)
				return
			case len(events) > 0:
				yield(events[0], nil)
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				yield(dcb.SequencedEvent{}, ctx.Err())
				return
			}
		}
	}
}

package server_test

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// memoryStore is a minimal server.Store, with hooks that a test sets before it starts a
// server.
type memoryStore struct {
	limits dcb.Limits
	failed chan struct{}
	stall  atomic.Int64 // result of AppendStall in ns

	refusal     atomic.Pointer[error] // result of AppendRefusal
	unavailable atomic.Pointer[error] // result of Unavailable
	catchingUp  atomic.Pointer[error] // result of CatchingUp

	// onCommit is called first by every Commit, which returns its error.
	onCommit func(ctx context.Context) error
	// waiting receives the position for which a WaitFor waits, if it is not nil.
	waiting chan uint64
	// onNext is called first by every Next of a read.
	onNext func()

	mu       sync.Mutex
	events   []dcb.Event
	records  [][]byte      // of the events, encoded
	grown    chan struct{} // closed by the next Commit
	tracking map[string]uint64
}

func newMemoryStore() *memoryStore {
	return &memoryStore{
		limits:   dcb.Limits{}.WithDefaults(),
		failed:   make(chan struct{}),
		grown:    make(chan struct{}),
		tracking: make(map[string]uint64),
	}
}

// blockCommit makes the next Commit wait until its caller gives up. The channel is closed
// when it has started.
func blockCommit(s *memoryStore) (entered <-chan struct{}) {
	started := make(chan struct{})
	s.onCommit = func(ctx context.Context) error {
		close(started)
		<-ctx.Done()
		return ctx.Err()
	}
	return started
}

func (s *memoryStore) Limits() *dcb.Limits     { return &s.limits }
func (s *memoryStore) Failed() <-chan struct{} { return s.failed }

func (s *memoryStore) AppendStall() time.Duration { return time.Duration(s.stall.Load()) }

func (s *memoryStore) AppendRefusal() error {
	if refusal := s.refusal.Load(); refusal != nil {
		return *refusal
	}
	return nil
}

func (s *memoryStore) Unavailable() error {
	if reason := s.unavailable.Load(); reason != nil {
		return *reason
	}
	return nil
}

func (s *memoryStore) CatchingUp() error {
	if reason := s.catchingUp.Load(); reason != nil {
		return *reason
	}
	return nil
}

func (s *memoryStore) Submit(request *record.AppendRequest, deadline time.Time, done func(uint64, error)) (cancel func(), ok bool) {
	ctx, cancel := context.WithCancel(context.Background())
	if !deadline.IsZero() {
		ctx, cancel = context.WithDeadline(ctx, deadline)
	}
	go func() {
		defer cancel()
		done(s.Commit(ctx, request, nil))
	}()
	return cancel, true
}

func (s *memoryStore) Commit(ctx context.Context, request *record.AppendRequest, giveUp <-chan struct{}) (uint64, error) {
	if s.onCommit != nil {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			select {
			case <-giveUp:
				cancel()
			case <-ctx.Done():
			}
		}()
		if err := s.onCommit(ctx); err != nil {
			return 0, err
		}
	}
	if request.Times != nil {
		request.Times.Queue = time.Nanosecond
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := request.Condition; c != nil {
		for i, event := range s.events {
			if position := uint64(i + 1); position > c.After && c.FailIfEventsMatch.Matches(event.Type, event.Tags) {
				return 0, &dcb.Error{Kind: dcb.ErrIntegrity, Detail: fmt.Sprintf("an event matches at %d", position), ConflictPosition: position}
			}
		}
	}
	var tracking []byte
	if request.Tracking != nil {
		tracking = record.AppendTracking(nil, request.Tracking)
		s.tracking[request.Tracking.Source] = request.Tracking.Position
	}
	for event := range request.All() {
		decoded, err := record.DecodeEvent(append([]byte(nil), event...))
		if err != nil {
			return 0, err
		}
		s.events = append(s.events, decoded)
		s.records = append(s.records, record.AppendEventRecord(nil, uint64(len(s.events)), event, tracking))
	}
	close(s.grown)
	s.grown = make(chan struct{})
	return uint64(len(s.events)), nil
}

func (s *memoryStore) Head(context.Context) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return uint64(len(s.events)), nil
}

// timeOf returns when the event at a position was recorded: events are recorded every second.
func timeOf(position uint64) time.Time { return time.Unix(int64(position), 5) }

func (s *memoryStore) PositionAt(ctx context.Context, t time.Time) (uint64, error) {
	head, err := s.Head(ctx)
	for head > 0 && timeOf(head).After(t) {
		head--
	}
	return head, err
}

func (s *memoryStore) LastPosition() uint64 {
	head, _ := s.Head(context.Background())
	return head
}

func (s *memoryStore) WaitFor(ctx context.Context, position uint64) error {
	for {
		s.mu.Lock()
		head, grown := uint64(len(s.events)), s.grown
		s.mu.Unlock()
		if head >= position {
			return nil
		}
		select {
		case <-grown:
		case s.waiting <- position:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *memoryStore) GetTrackingInfo(_ context.Context, source string) (uint64, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	position, found := s.tracking[source]
	return position, found, nil
}

func (s *memoryStore) OpenRead(_ context.Context, request *record.ReadRequest) (record.Cursor, error) {
	if request.Subscribe {
		return &memoryCursor{store: s, query: request.Query, live: true, times: request.RecordedAt, progress: request.Progress}, nil
	}
	head, _ := s.Head(context.Background())
	return &memoryCursor{store: s, query: request.Query, head: head, times: request.RecordedAt}, nil
}

func (s *memoryStore) OpenSubscription(request *record.SubscribeRequest) (record.Cursor, error) {
	return &memoryCursor{store: s, query: request.Query, last: request.After, live: true, times: request.RecordedAt, progress: request.Progress}, nil
}

// OpenTerms returns the terms of a query, each in a message of its own and with as many events
// as its name has bytes, or the term that is the prefix.
func (s *memoryStore) OpenTerms(_ context.Context, request *record.TermsRequest) (record.Cursor, error) {
	c := new(termsCursor)
	add := func(kind record.TermKind, names ...string) {
		for _, name := range names {
			c.terms = append(c.terms, record.Term{Kind: kind, TermCount: dcb.TermCount{Name: name, Events: uint64(len(name))}})
		}
	}
	if request.Query == nil {
		add(request.Kind, request.Options.Prefix)
		return c, nil
	}
	for _, item := range request.Query.Items {
		add(record.TypeTerm, item.Types...)
		add(record.TagTerm, item.Tags...)
	}
	return c, nil
}

// Count counts between any number of valid bounds.
func (s *memoryStore) Count(_ context.Context, request *record.CountRequest) ([]uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := make([]uint64, len(request.Bounds)-1)
	for i := range s.events {
		position := uint64(i + 1)
		for j := range counts {
			if position > request.Bounds[j] && position <= request.Bounds[j+1] {
				counts[j]++
			}
		}
	}
	return counts, nil
}

// termsCursor returns messages with one term each.
type termsCursor struct {
	memoryCursor
	terms []record.Term
}

func (c *termsCursor) Wait(context.Context) error {
	if len(c.terms) == 0 {
		return io.EOF
	}
	return nil
}

func (c *termsCursor) Next(_ context.Context, dst []byte, size int) ([]byte, error) {
	term := &c.terms[0]
	if need := record.SizeOfTerm(term); need > size {
		return dst, &record.MessageTooSmallError{Need: need}
	}
	c.terms = c.terms[1:]
	return record.AppendTerm(dst, term), nil
}

// memoryCursor returns messages with one event each.
type memoryCursor struct {
	store *memoryStore
	query dcb.Query
	last  uint64
	head  uint64 // of a read
	live  bool
	times bool
	sent  bool

	progress bool
}

func (c *memoryCursor) Wait(ctx context.Context) error {
	for {
		record, grown := c.peek()
		switch {
		case record != nil, !c.live && !c.sent:
			return nil
		case !c.live:
			return io.EOF
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *memoryCursor) Next(_ context.Context, dst []byte, size int) ([]byte, error) {
	if !c.live && c.store.onNext != nil {
		c.store.onNext()
	}
	next, _ := c.peek()
	if need := len(next) + record.MaxHeadBytes; need > size {
		return dst, &record.MessageTooSmallError{Need: need}
	}
	dst = append(dst, next...)
	if next != nil {
		c.last++
		if c.times {
			dst = record.AppendRecordedAt(dst, []int64{timeOf(c.last).UnixNano()})
		}
	}
	c.sent = true
	if c.progress {
		dst = record.AppendProgress(dst, dcb.Progress{Checked: c.last, Head: c.store.LastPosition()})
	}
	return record.AppendHead(dst, c.head), nil
}

// Progress takes the position of an event for the number of events.
func (c *memoryCursor) Progress() record.Progress {
	return record.Progress{Events: c.last, Last: c.last, Checked: c.last}
}

// Close does nothing.
func (c *memoryCursor) Close() {}

// peek returns the next record, or nil and a channel that is closed by the next append.
func (c *memoryCursor) peek() ([]byte, <-chan struct{}) {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	for ; c.last < uint64(len(c.store.events)) && (c.live || c.last < c.head); c.last++ {
		event := c.store.events[c.last]
		if c.query.Matches(event.Type, event.Tags) {
			return c.store.records[c.last], nil
		}
	}
	return nil, c.store.grown
}

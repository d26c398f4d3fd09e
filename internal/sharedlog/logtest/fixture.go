package logtest

import (
	"context"
	crand "crypto/rand"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// soon is the time in which a log must do what needs no patience, such as to wake a caller of
// Wait.
const soon = 15 * time.Second

// fixture is the environment of one rule: a log, and a client of it.
type fixture struct {
	T
	ctx     context.Context // ends with the patience
	options Options
	connect func() sharedlog.Log
	log     sharedlog.Log
}

func newFixture(t T, open Opener, options Options) *fixture {
	if options.Rounds == 0 {
		options.Rounds = 10_000
	}
	if options.Patience == 0 {
		options.Patience = 30 * time.Second
	}
	s := &fixture{T: t, options: options, connect: open(t)}
	ctx, cancel := context.WithTimeout(t.Context(), options.Patience)
	t.Cleanup(cancel)
	s.ctx = ctx
	s.log = s.client()
	return s
}

// client returns a new client, which is closed at the end of the rule.
func (s *fixture) client() sharedlog.Log {
	log := s.connect()
	s.Cleanup(func() { log.Close() })
	return log
}

func (s *fixture) clients(n int) []sharedlog.Log {
	logs := make([]sharedlog.Log, n)
	for i := range logs {
		logs[i] = s.client()
	}
	return logs
}

// rounds returns how many records the concurrent clients of a rule append.
func (s *fixture) rounds() uint64 { return uint64(max(s.options.Rounds/10, 10)) }

func randomID() (id sharedlog.ID) {
	crand.Read(id[:])
	return id
}

// create creates the log after a point, which it returns.
func (s *fixture) create(after sharedlog.Point) sharedlog.Point {
	s.Helper()
	origin := sharedlog.Origin{Log: randomID(), Store: randomID(), Point: after}
	if have, err := s.log.Create(s.ctx, origin); err != nil || have != origin {
		s.Fatalf("creating a log returned %v, %v; want %v", have, err, origin)
	}
	return after
}

// append appends a new record, which must succeed, and returns its point.
func (s *fixture) append(log sharedlog.Log, after sharedlog.Point) sharedlog.Point {
	s.Helper()
	p := propose(after)
	if err := p.appendTo(s.ctx, log); err != nil {
		s.Fatalf("appending record %d: %v", after.Index+1, err)
	}
	return p.point()
}

// fill appends n records, and returns their points after that of the record before.
func (s *fixture) fill(after sharedlog.Point, n int) []sharedlog.Point {
	s.Helper()
	points := []sharedlog.Point{after}
	for range n {
		after = s.append(s.log, after)
		points = append(points, after)
	}
	return points
}

// wantConflict appends a new record, which must fail with ErrConflict.
func (s *fixture) wantConflict(log sharedlog.Log, after sharedlog.Point) {
	s.Helper()
	if err := propose(after).appendTo(s.ctx, log); !errors.Is(err, sharedlog.ErrConflict) {
		s.Errorf("an append after %v returned %v, want ErrConflict", after, err)
	}
}

// wantLast checks the result of Last.
func (s *fixture) wantLast(log sharedlog.Log, want sharedlog.Point) {
	s.Helper()
	if have, err := log.Last(s.ctx); err != nil || have != want {
		s.Errorf("Last returned %v, %v; want %v", have, err, want)
	}
}

// wantRecords checks that a client reads the records of points[1:], which follow points[0].
func (s *fixture) wantRecords(log sharedlog.Log, points []sharedlog.Point) {
	s.Helper()
	last := points[len(points)-1]
	have := s.readAll(log, points[0], last.Index)
	for i, point := range have[:min(len(have), len(points))] {
		if point != points[i] {
			s.Fatalf("record %d has chain %x, want %x", point.Index, point.Chain, points[i].Chain)
		}
	}
	if len(have) != len(points) {
		s.Fatalf("the log has %d records after record %d, want %d", len(have)-1, points[0].Index, len(points)-1)
	}
}

// readAll reads the records after a point at least up to an index, and checks that each follows
// the one before it. It returns their points after the given one.
func (s *fixture) readAll(log sharedlog.Log, after sharedlog.Point, last uint64) []sharedlog.Point {
	s.Helper()
	points := []sharedlog.Point{after}
	for {
		records := s.read(log, after.Index+1)
		if len(records) == 0 {
			if after.Index >= last {
				return points
			}
			s.pause() // a read may lag
		}
		for _, record := range records {
			p, err := parse(record, after.Index+1)
			if err == nil && p.after != after {
				err = errors.New("it was appended after another record")
			}
			if err != nil {
				s.Fatalf("record %d, read after %v: %v", record.Index, after, err)
			}
			after = p.point()
			points = append(points, after)
		}
	}
}

// read calls Read, which must succeed.
func (s *fixture) read(log sharedlog.Log, from uint64) []sharedlog.Record {
	s.Helper()
	records, err := log.Read(s.ctx, from)
	if err != nil {
		s.Fatalf("reading from record %d: %v", from, err)
	}
	return records
}

// recordAt returns the record at an index, which must be there.
func (s *fixture) recordAt(log sharedlog.Log, index uint64) sharedlog.Record {
	s.Helper()
	for {
		if records := s.read(log, index); len(records) > 0 {
			return records[0]
		}
		s.pause()
	}
}

// wantTrimmed checks that a client cannot read an index, because it was trimmed.
func (s *fixture) wantTrimmed(log sharedlog.Log, index uint64) {
	s.Helper()
	for {
		_, err := log.Read(s.ctx, index)
		switch {
		case errors.Is(err, sharedlog.ErrTrimmed):
			return
		case err != nil:
			s.Fatalf("reading record %d returned %v, want ErrTrimmed", index, err)
		}
		s.pause()
	}
}

// trim calls Trim, which must succeed.
func (s *fixture) trim(through uint64) {
	s.Helper()
	if err := s.log.Trim(s.ctx, through); err != nil {
		s.Fatalf("trimming up to record %d: %v", through, err)
	}
}

// pause waits before a call is repeated. It ends the rule when its patience has ended.
func (s *fixture) pause() {
	s.Helper()
	select {
	case <-time.After(10 * time.Millisecond):
	case <-s.ctx.Done():
		s.Fatalf("what was appended, trimmed or reported cannot be seen after %v", s.options.Patience)
	}
}

// breathe waits for a very short random time. Clients that call the log in a loop do so after
// each call: in virtual time, which passes only while all of them wait, they alternate.
func breathe() { time.Sleep(rand.N(200 * time.Microsecond)) }

// concurrently calls f in n goroutines that start together, and waits for them. f must not
// call s.Fatalf, nor helpers that do.
func concurrently(n int, f func(i int)) { inBackground(n, f)() }

// inBackground calls f in n goroutines, and returns a function that waits for them.
func inBackground(n int, f func(i int)) (wait func()) {
	var running sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		running.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	return running.Wait
}

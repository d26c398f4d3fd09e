package logtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

var orderRules = []rule{
	{name: "a read returns consecutive records from its start", check: func(s *fixture) {
		points := s.fill(s.create(sharedlog.Point{}), 150)
		for from := range 150 {
			s.wantRecords(s.log, points[from:])
		}
	}},
	{name: "a read after the end returns nothing", check: func(s *fixture) {
		origin := s.create(sharedlog.Point{})
		s.wantNothing(1)
		s.fill(origin, 3)
		s.wantNothing(4)
		s.wantNothing(5)
		s.wantNothing(1<<63 - 1)
	}},
	{name: "a read beside trims has no gap", check: func(s *fixture) {
		origin := s.create(sharedlog.Point{})
		readers, trimmer, writer := s.clients(3), s.client(), s.client()
		var appended, trimmed atomic.Uint64
		var written atomic.Bool
		wait := inBackground(len(readers)+1, func(i int) {
			for !written.Load() && s.ctx.Err() == nil {
				breathe()
				low, high := trimmed.Load(), appended.Load()
				at := low + rand.Uint64N(high-low+2)
				if i == len(readers) {
					// Half of the trims keep some records, which the readers can find.
					at = max(low, at/2+low/2)
					if err := trimmer.Trim(s.ctx, at); err != nil {
						s.Errorf("trimming up to record %d: %v", at, err)
					}
					raise(&trimmed, min(at, high))
				} else if err := s.readFrom(readers[i], at); err != nil {
					s.Errorf("reading from record %d: %v", at, err)
				}
			}
		})
		a := appender{s, writer, origin}
		a.run(s.rounds(), func(point sharedlog.Point) { raise(&appended, point.Index) })
		written.Store(true)
		wait()
	}},
}

// wantNothing checks that reads from an index return no records.
func (s *fixture) wantNothing(from uint64) {
	s.Helper()
	for range 3 {
		if records := s.read(s.log, from); len(records) != 0 {
			s.Errorf("reading from record %d returned %d records, want none", from, len(records))
		}
	}
}

// readFrom reads once, and returns an error if the records are not consecutive.
func (s *fixture) readFrom(log sharedlog.Log, from uint64) error {
	records, err := log.Read(s.ctx, from)
	if errors.Is(err, sharedlog.ErrTrimmed) {
		return nil
	}
	var after sharedlog.Point
	for i, record := range records {
		p, err := parse(record, from+uint64(i))
		if err == nil && i > 0 && p.after != after {
			err = errors.New("it was appended after another record")
		}
		if err != nil {
			return fmt.Errorf("record %d: %w", record.Index, err)
		}
		after = p.point()
	}
	return err
}

package logtest

import (
	"bytes"
	"context"
	"sync/atomic"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// racers is the number of writers that race for an index.
const racers = 16

var agreementRules = []rule{
	{name: "of racing writers one wins each index", check: func(s *fixture) {
		after := s.create(sharedlog.Point{})
		logs := s.clients(racers)
		first := after
		for range s.options.Rounds {
			after = s.race(logs, after)
		}
		ctx, cancel := context.WithCancel(s.T.Context()) // reading may take longer than the patience
		defer cancel()
		s.ctx = ctx
		s.wantLast(s.log, after)
		s.readAll(s.client(), first, after.Index)
	}},
	{name: "what was read stays", check: func(s *fixture) {
		origin := s.create(sharedlog.Point{})
		writers, readers := s.clients(4), s.clients(4)
		read := make([][]sharedlog.Record, len(readers))
		var written atomic.Bool
		wait := inBackground(len(readers), func(i int) {
			read[i] = s.readWhile(readers[i], &written)
		})
		concurrently(len(writers), func(i int) {
			a := appender{s, writers[i], origin}
			a.run(s.rounds(), func(sharedlog.Point) {})
		})
		written.Store(true)
		wait()
		log := s.client()
		for _, records := range read {
			s.wantSame(log, records)
		}
	}},
}

// race lets each client append a record after a point, and returns the point of the record that
// the log has.
func (s *fixture) race(logs []sharedlog.Log, after sharedlog.Point) sharedlog.Point {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.T.Context(), s.options.Patience)
	defer cancel()
	s.ctx = ctx
	proposals := make([]proposal, len(logs))
	errs := make([]error, len(logs))
	for i := range logs {
		proposals[i] = propose(after)
	}
	concurrently(len(logs), func(i int) { errs[i] = proposals[i].appendTo(ctx, logs[i]) })

	record := s.recordAt(logs[after.Index%uint64(len(logs))], after.Index+1)
	winner, err := parse(record, after.Index+1)
	if err != nil {
		s.Fatalf("record %d: %v", record.Index, err)
	}
	known := false
	for i, p := range proposals {
		known = known || p.chain == winner.chain
		if errs[i] == nil && p.chain != winner.chain {
			s.Fatalf("an append of record %d was acknowledged, but the log has the record of another writer", record.Index)
		}
	}
	if !known {
		s.Fatalf("record %d is none of those that were appended after %v", record.Index, after)
	}
	return winner.point()
}

// readWhile reads all records from the first one, until they were written and read.
func (s *fixture) readWhile(log sharedlog.Log, written *atomic.Bool) (all []sharedlog.Record) {
	for {
		end := written.Load()
		records, err := log.Read(s.ctx, uint64(len(all))+1)
		if err != nil {
			s.Errorf("reading from record %d: %v", len(all)+1, err)
			return all
		}
		all = append(all, records...)
		if end && len(records) == 0 {
			return all
		}
		breathe()
	}
}

// wantSame checks that a client reads the same records that were read before, from the first
// one.
func (s *fixture) wantSame(log sharedlog.Log, before []sharedlog.Record) {
	s.Helper()
	for next := 0; next < len(before); {
		records := s.read(log, uint64(next)+1)
		if len(records) == 0 {
			s.pause()
		}
		for _, record := range records[:min(len(records), len(before)-next)] {
			if record.Index != before[next].Index || !bytes.Equal(record.Bytes, before[next].Bytes) {
				s.Fatalf("record %d is another one than was read before", record.Index)
			}
			next++
		}
	}
}

package logtest

import (
	"sync/atomic"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

var lastRules = []rule{
	{name: "Last is the point of the last record", check: func(s *fixture) {
		logs := s.clients(3)
		after := s.create(sharedlog.Point{})
		for i := range 50 {
			s.wantLast(logs[i%3], after)
			after = s.append(logs[(i+1)%3], after)
			s.wantLast(logs[(i+2)%3], after)
		}
	}},
	{name: "Last is not below an append that has returned", check: func(s *fixture) {
		origin := s.create(sharedlog.Point{})
		writers, readers := s.clients(3), s.clients(3)
		var appended atomic.Uint64
		var written atomic.Bool
		wait := inBackground(len(readers), func(i int) {
			for !written.Load() && s.ctx.Err() == nil {
				breathe()
				before := appended.Load()
				last, err := readers[i].Last(s.ctx)
				if err != nil || last.Index < before {
					s.Errorf("Last returned %v, %v after record %d was appended", last, err, before)
					return
				}
			}
		})
		concurrently(len(writers), func(i int) {
			a := appender{s, writers[i], origin}
			a.run(s.rounds(), func(point sharedlog.Point) { raise(&appended, point.Index) })
		})
		written.Store(true)
		wait()
	}},
}

// raise sets a maximum.
func raise(maximum *atomic.Uint64, to uint64) {
	for {
		old := maximum.Load()
		if old >= to || maximum.CompareAndSwap(old, to) {
			return
		}
	}
}

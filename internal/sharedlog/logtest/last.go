package logtest

import (
	"errors"
	"fmt"
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
		var appended atomic.Uint64
		s.besideAppends(&appended, func(log sharedlog.Log) error {
			return s.checkLast(log, appended.Load())
		})
	}},
	{name: "Last is not below a record that was read", check: func(s *fixture) {
		var appended, read atomic.Uint64
		s.besideAppends(&appended, func(log sharedlog.Log) error {
			records, err := log.Read(s.ctx, read.Load()+1)
			if n := len(records); n > 0 {
				raise(&read, records[n-1].Index)
			}
			return errors.Join(err, s.checkLast(log, read.Load()))
		})
	}},
}

// besideAppends calls check with several clients, while others append and raise appended to
// the index of each record that was acknowledged.
func (s *fixture) besideAppends(appended *atomic.Uint64, check func(sharedlog.Log) error) {
	origin := s.create(sharedlog.Point{})
	writers, readers := s.clients(3), s.clients(3)
	var written atomic.Bool
	wait := inBackground(len(readers), func(i int) {
		for !written.Load() && s.ctx.Err() == nil {
			breathe()
			if err := check(readers[i]); err != nil {
				s.Errorf("%v", err)
				return
			}
		}
	})
	concurrently(len(writers), func(i int) {
		a := appender{s, writers[i], origin}
		a.run(s.rounds(), func(point sharedlog.Point) { raise(appended, point.Index) })
	})
	written.Store(true)
	wait()
}

// checkLast returns an error if Last is below an index.
func (s *fixture) checkLast(log sharedlog.Log, index uint64) error {
	last, err := log.Last(s.ctx)
	if err == nil && last.Index < index {
		err = fmt.Errorf("the last point is %v after record %d was appended", last, index)
	}
	return err
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

package logtest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

var comparisonRules = []rule{
	{name: "an append after another index is refused", check: func(s *fixture) {
		points := s.fill(s.create(sharedlog.Point{}), 3)
		for _, log := range s.clients(2) {
			for _, after := range points[:3] {
				s.wantConflict(log, after)
			}
			s.wantConflict(log, sharedlog.Point{Index: 2, Chain: points[3].Chain})
			s.wantConflict(log, sharedlog.Point{Index: 4, Chain: points[3].Chain})
			s.wantConflict(log, sharedlog.Point{Index: 1<<63 - 2})
			s.wantLast(log, points[3])
			s.wantRecords(log, points)
		}
	}},
	{name: "an append after another chain is refused", check: func(s *fixture) {
		origin := s.create(sharedlog.Point{})
		s.wantConflict(s.log, sharedlog.Point{Chain: 1})
		points := s.fill(origin, 1)
		for _, chain := range []uint64{0, points[1].Chain + 1, ^points[1].Chain, points[1].Chain ^ 1<<63} {
			s.wantConflict(s.log, sharedlog.Point{Index: 1, Chain: chain})
		}
		s.wantLast(s.log, points[1])
		s.wantRecords(s.log, points)
	}},
	{name: "an append after a lost append is refused", check: func(s *fixture) {
		origin := s.create(sharedlog.Point{})
		first := s.append(s.log, origin)
		other := s.client()
		lost := propose(origin)
		if err := lost.appendTo(s.ctx, other); err == nil {
			s.Errorf("two records were appended at index 1")
		}
		s.wantConflict(other, lost.point())
		s.wantRecords(other, []sharedlog.Point{origin, first})
	}},
	{name: "a late append of a trimmed index is refused", check: func(s *fixture) {
		points := s.fill(s.create(sharedlog.Point{}), 6)
		other := s.client()
		for _, through := range []uint64{4, 6} {
			s.trim(through)
			for _, after := range points[:6] {
				s.wantConflict(other, after)
			}
			s.wantLast(other, points[6])
		}
		points = append(points, s.append(other, points[6]))
		s.wantRecords(s.log, points[6:])
	}},
	{name: "an append that is sent again adds nothing", check: func(s *fixture) {
		origin := s.create(sharedlog.Point{})
		other := s.client()
		p := propose(origin)
		points := []sharedlog.Point{origin, p.point()}
		if err := p.appendTo(s.ctx, s.log); err != nil {
			s.Fatalf("appending: %v", err)
		}
		s.sendAgain(p, s.log, other)
		s.wantLast(other, p.point())
		s.wantRecords(other, points)

		points = append(points, s.append(other, p.point()))
		s.sendAgain(p, s.log, other)
		s.wantLast(s.log, points[2])
		s.wantRecords(s.log, points)

		s.trim(2)
		s.sendAgain(p, s.log, other)
		s.wantLast(s.log, points[2])
	}},
	{name: "an append whose context ends is in its place or nowhere", check: func(s *fixture) {
		origin := s.create(sharedlog.Point{})
		var mu sync.Mutex
		acknowledged := map[sharedlog.Point]bool{}
		logs := s.clients(4)
		concurrently(len(logs), func(i int) {
			a := appender{s, logs[i], origin}
			for a.tail.Index < s.rounds() {
				p := propose(a.tail)
				ctx, cancel := context.WithTimeout(s.ctx, rand.N(3*time.Millisecond))
				err := p.appendTo(ctx, a.log)
				cancel()
				if err == nil {
					mu.Lock()
					acknowledged[p.point()] = true
					mu.Unlock()
				}
				if err := a.follow(); err != nil {
					s.Errorf("following record %d: %v", a.tail.Index, err)
					return
				}
			}
		})
		for _, point := range s.readAll(s.client(), origin, s.rounds()) {
			delete(acknowledged, point)
		}
		for point := range acknowledged {
			s.Errorf("record %d was acknowledged and is not in the log", point.Index)
		}
	}},
}

// sendAgain appends a record that is in the log.
func (s *fixture) sendAgain(p proposal, logs ...sharedlog.Log) {
	s.Helper()
	for _, log := range logs {
		if err := p.appendTo(s.ctx, log); err != nil && !errors.Is(err, sharedlog.ErrConflict) {
			s.Errorf("appending the same record again returned %v, want nil or ErrConflict", err)
		}
	}
}

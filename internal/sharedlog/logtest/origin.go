package logtest

import (
	"errors"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

var originRules = []rule{
	{name: "a log that was not created is missing", check: func(s *fixture) {
		_, err := s.log.Origin(s.ctx)
		s.wantNoLog("Origin", err)
		s.wantNoLog("Append", propose(sharedlog.Point{}).appendTo(s.ctx, s.log))
		_, err = s.log.Read(s.ctx, 1)
		s.wantNoLog("Read", err)
		_, err = s.log.Last(s.ctx)
		s.wantNoLog("Last", err)
		s.wantNoLog("Trim", s.log.Trim(s.ctx, 1))
	}},
	{name: "the origin is the one with which the log was created", check: func(s *fixture) {
		want := sharedlog.Origin{Log: randomID(), Store: randomID()}
		for _, log := range s.clients(2) {
			if have, err := log.Create(s.ctx, want); err != nil || have != want {
				s.Errorf("Create returned %v, %v; want %v", have, err, want)
			}
			if have, err := log.Origin(s.ctx); err != nil || have != want {
				s.Errorf("Origin returned %v, %v; want %v", have, err, want)
			}
		}
	}},
	{name: "a log is created once", check: func(s *fixture) {
		want := sharedlog.Origin{Log: randomID(), Store: randomID()}
		if _, err := s.log.Create(s.ctx, want); err != nil {
			s.Fatalf("Create: %v", err)
		}
		points := s.fill(want.Point, 3)
		other := s.client()
		have, err := other.Create(s.ctx, sharedlog.Origin{Log: randomID(), Store: randomID(), Point: sharedlog.Point{Index: 9, Chain: 9}})
		if err != nil || have != want {
			s.Errorf("a second Create returned %v, %v; want the first origin %v", have, err, want)
		}
		s.wantLast(other, points[3])
		s.wantRecords(other, points)
	}},
	{name: "concurrent calls create one log", check: func(s *fixture) {
		logs := s.clients(16)
		origins := make([]sharedlog.Origin, len(logs))
		concurrently(len(logs), func(i int) {
			var err error
			if origins[i], err = logs[i].Create(s.ctx, sharedlog.Origin{Log: randomID(), Store: randomID()}); err != nil {
				s.Errorf("Create: %v", err)
			}
		})
		for _, have := range origins {
			if have != origins[0] {
				s.Errorf("calls of Create returned the origins %v and %v", have, origins[0])
			}
		}
	}},
	{name: "a log can start after a group", check: func(s *fixture) {
		origin := s.create(sharedlog.Point{Index: 41, Chain: 1<<64 - 1})
		s.wantLast(s.log, origin)
		s.wantConflict(s.log, sharedlog.Point{})
		s.wantConflict(s.log, sharedlog.Point{Index: 41})
		points := s.fill(origin, 2)
		other := s.client()
		s.wantLast(other, points[2])
		s.wantRecords(other, points)
		for _, index := range []uint64{0, 1, 41} {
			s.wantTrimmed(other, index)
		}
	}},
}

func (s *fixture) wantNoLog(method string, err error) {
	s.Helper()
	if !errors.Is(err, sharedlog.ErrNoLog) {
		s.Errorf("%s returned %v, want ErrNoLog", method, err)
	}
}

package logtest

import (
	"slices"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

var durableRules = []rule{
	{name: "every client reads what was appended", check: func(s *fixture) {
		points := s.fill(s.create(sharedlog.Point{}), 100)
		for _, log := range append(s.clients(2), s.log) {
			s.wantRecords(log, points)
		}
	}},
	{name: "records remain when their writer closes", check: func(s *fixture) {
		points := []sharedlog.Point{s.create(sharedlog.Point{})}
		for range 5 {
			log := s.client()
			for range 10 {
				points = append(points, s.append(log, points[len(points)-1]))
			}
			if err := log.Close(); err != nil {
				s.Errorf("Close: %v", err)
			}
			s.wantLast(s.log, points[len(points)-1])
		}
		s.wantRecords(s.client(), points)
	}},
	{name: "bytes are owned by the caller", check: func(s *fixture) {
		p := propose(s.create(sharedlog.Point{}))
		sent := slices.Clone(p.bytes)
		if err := s.log.Append(s.ctx, p.after, p.chain, sent); err != nil {
			s.Fatalf("appending: %v", err)
		}
		if !slices.Equal(sent, p.bytes) {
			s.Errorf("Append has changed the caller's bytes")
		}
		clear(sent)
		for range 2 {
			clear(s.recordAt(s.log, 1).Bytes)
		}
		s.wantRecords(s.log, []sharedlog.Point{p.after, p.point()})
	}},
}

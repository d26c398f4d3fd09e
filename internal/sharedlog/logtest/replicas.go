package logtest

import (
	"maps"
	"slices"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

var replicaRules = []rule{
	{name: "every client sees the last report of each replica", check: func(s *fixture) {
		s.create(sharedlog.Point{})
		logs := s.clients(3)
		s.wantReplicas(s.log)
		var want []sharedlog.Replica
		for i, log := range logs {
			replica := sharedlog.Replica{
				ID: randomID(), Address: "https://[::1]:5005" + string(rune('0'+i)), Program: "0.8.0 (it's \"new\")",
				Format: uint8(200 + i), Applied: 1<<63 - 1 - uint64(i), Durable: uint64(i),
			}
			s.report(log, sharedlog.Replica{ID: replica.ID, Address: "old", Applied: 7})
			s.report(log, replica)
			want = append(want, replica)
			s.wantReplicas(s.log, want...)
		}
		s.wantReplicas(s.client(), want...)
	}},
	{name: "a report expires", slow: true, check: func(s *fixture) {
		s.create(sharedlog.Point{})
		s.ctx = s.T.Context()
		stays, ends := sharedlog.Replica{ID: randomID(), Applied: 1}, sharedlog.Replica{ID: randomID()}
		s.report(s.log, ends)
		start := time.Now()
		s.report(s.log, stays)
		for {
			before := time.Since(start)
			replicas, err := s.log.Replicas(s.ctx)
			after := time.Since(start)
			if err != nil {
				s.Fatalf("Replicas: %v", err)
			}
			if !slices.Contains(replicas, stays) {
				s.Fatalf("after %v, a replica that reports every 3 s is not listed", before)
			}
			listed := slices.Contains(replicas, ends)
			switch {
			case !listed && after < sharedlog.ReportTTL:
				s.Fatalf("a report has expired after %v", after)
			case !listed:
				return
			case before > 2*sharedlog.ReportTTL:
				s.Fatalf("after %v, a report has not expired", before)
			}
			time.Sleep(3 * time.Second)
			stays.Applied++
			s.report(s.log, stays)
		}
	}},
}

func (s *fixture) report(log sharedlog.Log, replica sharedlog.Replica) {
	s.Helper()
	if err := log.Report(s.ctx, replica); err != nil {
		s.Fatalf("Report: %v", err)
	}
}

// wantReplicas checks the result of Replicas.
func (s *fixture) wantReplicas(log sharedlog.Log, want ...sharedlog.Replica) {
	s.Helper()
	replicas, err := log.Replicas(s.ctx)
	if err != nil {
		s.Fatalf("Replicas: %v", err)
	}
	if !maps.Equal(set(replicas), set(want)) || len(replicas) != len(want) {
		s.Errorf("the replicas are %+v, want %+v", replicas, want)
	}
}

func set(replicas []sharedlog.Replica) map[sharedlog.Replica]bool {
	all := map[sharedlog.Replica]bool{}
	for _, replica := range replicas {
		all[replica] = true
	}
	return all
}

package fakelog_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
)

// The tests append records whose chain is their index.

func point(index uint64) sharedlog.Point { return sharedlog.Point{Index: index, Chain: index} }

// underAttack calls test in virtual time, with a client of a log of three records that an
// adversary attacks from now on.
func underAttack(t *testing.T, a fakelog.Adversary, test func(*attacked)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		engine := fakelog.New(fakelog.Options{})
		s := &attacked{t, engine, engine.Connect()}
		if _, err := s.log.Create(t.Context(), sharedlog.Origin{}); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			s.wantAppended(nil)
		}
		engine.Attack(a)
		test(s)
		s.log.Close()
	})
}

type attacked struct {
	*testing.T
	engine *fakelog.Engine
	log    *fakelog.Client
}

// last returns how many records were added.
func (s *attacked) last() uint64 {
	_, records := s.engine.History()
	return uint64(len(records))
}

// append appends the next record, with a time limit of a minute.
func (s *attacked) append() error {
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	last := s.last()
	return s.log.Append(ctx, point(last), last+1, []byte{1, 2, 3})
}

// wantAppended appends the next record, which must be added whatever the error is.
func (s *attacked) wantAppended(want error) {
	s.Helper()
	before := s.last()
	if err := s.append(); !errors.Is(err, want) {
		s.Errorf("Append returned %v, want %v", err, want)
	}
	if after := s.last(); after != before+1 {
		s.Errorf("an append has added %d records", after-before)
	}
}

// wantFailure appends the next record, which must not have been added when Append has failed.
func (s *attacked) wantFailure() {
	s.Helper()
	before := s.last()
	if err := s.append(); err == nil || s.last() != before {
		s.Errorf("Append returned %v, and has added %d records", err, s.last()-before)
	}
}

func TestLostRequestIsNotExecuted(t *testing.T) {
	underAttack(t, fakelog.Adversary{LostRequest: 1}, func(s *attacked) {
		s.wantFailure()
		time.Sleep(time.Hour)
		if s.last() != 3 {
			s.Errorf("a lost request was executed")
		}
	})
}

func TestRequestWithALostAnswerIsExecuted(t *testing.T) {
	underAttack(t, fakelog.Adversary{LostAnswer: 1, Delay: time.Second}, func(s *attacked) {
		before := s.last()
		if err := s.append(); err == nil || s.last() != before+1 {
			s.Errorf("Append returned %v, and has added %d records", err, s.last()-before)
		}
	})
}

func TestLateRequestIsExecutedAfterTheCall(t *testing.T) {
	underAttack(t, fakelog.Adversary{LateRequest: 1, Late: time.Minute}, func(s *attacked) {
		s.wantFailure()
		time.Sleep(time.Minute)
		if s.last() != 4 {
			s.Errorf("a late request was not executed")
		}

		s.wantFailure()
		s.engine.Heal()
		s.wantAppended(nil)
		time.Sleep(time.Minute)
		if s.last() != 5 {
			s.Errorf("a late request was executed although another record was in its place")
		}
	})
}

func TestSilentCallEndsWithItsContext(t *testing.T) {
	for name, a := range map[string]fakelog.Adversary{
		"lost request": {LostRequest: 1, Silent: 1},
		"lost answer":  {LostAnswer: 1, Silent: 1},
	} {
		underAttack(t, a, func(s *attacked) {
			start := time.Now()
			if err := s.append(); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
				s.Errorf("%s: Append returned %v after %v", name, err, time.Since(start))
			}
		})
	}
}

func TestRequestOutlivesItsCall(t *testing.T) {
	underAttack(t, fakelog.Adversary{Delay: time.Minute}, func(s *attacked) {
		ctx, cancel := context.WithTimeout(s.Context(), 1)
		defer cancel()
		record := []byte("record")
		if err := s.log.Append(ctx, point(3), 4, record); !errors.Is(err, context.DeadlineExceeded) {
			s.Errorf("Append returned %v after its context was done", err)
		}
		clear(record)
		if s.last() != 3 {
			s.Fatal("the request was not delayed")
		}
		time.Sleep(time.Minute)
		if _, records := s.engine.History(); len(records) != 4 {
			s.Errorf("the request was not executed")
		} else if string(records[3].Bytes) != "record" {
			s.Errorf("the record is %q", records[3].Bytes)
		}
	})
}

func TestRequestThatIsSentTwiceIsRefused(t *testing.T) {
	underAttack(t, fakelog.Adversary{Resent: 1}, func(s *attacked) {
		s.wantAppended(sharedlog.ErrConflict)
		if origin, err := s.log.Create(s.Context(), sharedlog.Origin{Log: sharedlog.ID{1}}); err != nil || origin != (sharedlog.Origin{}) {
			s.Errorf("Create returned %v, %v", origin, err)
		}
	})
}

func TestRepeatedRequestAddsNothing(t *testing.T) {
	underAttack(t, fakelog.Adversary{Repeated: 1}, func(s *attacked) {
		s.wantAppended(nil)
		if err := s.log.Report(s.Context(), sharedlog.Replica{}); err != nil {
			s.Error(err)
		}
		time.Sleep(sharedlog.ReportTTL)
		if s.last() != 4 {
			s.Errorf("the log has %d records", s.last())
		}
		if replicas, err := s.log.Replicas(s.Context()); err != nil || len(replicas) != 1 {
			s.Errorf("the replicas are %v, %v: the report was not repeated", replicas, err)
		}
	})
}

func TestStormRefusesAppends(t *testing.T) {
	underAttack(t, fakelog.Adversary{Storm: 1, StormTime: time.Second}, func(s *attacked) {
		refused := 0
		for range 1000 {
			if err := s.append(); errors.Is(err, sharedlog.ErrConflict) {
				refused++
			} else if err != nil {
				s.Fatal(err)
			}
		}
		if refused < 800 || refused == 1000 || s.last() != 3+uint64(1000-refused) {
			s.Errorf("%d of 1000 appends were refused, and the log has %d records", refused, s.last())
		}
	})
}

func TestStormAndOutageEndWithTheirAdversary(t *testing.T) {
	for name, end := range map[string]func(*fakelog.Engine){
		"healed":            (*fakelog.Engine).Heal,
		"another adversary": func(e *fakelog.Engine) { e.Attack(fakelog.Adversary{Trim: 1, Keep: 10}) },
	} {
		underAttack(t, fakelog.Adversary{Storm: 1, StormTime: time.Hour}, func(s *attacked) {
			for s.append() == nil {
			}
			end(s.engine)
			for range 20 {
				if err := s.append(); err != nil {
					s.Errorf("%s: an append returned %v", name, err)
				}
			}
		})
		underAttack(t, fakelog.Adversary{Outage: 1, OutageTime: time.Hour}, func(s *attacked) {
			s.wantFailure()
			end(s.engine)
			s.wantAppended(nil)
		})
	}
}

func TestOutageStopsEverything(t *testing.T) {
	underAttack(t, fakelog.Adversary{Outage: 1}, func(s *attacked) {
		s.wantFailure()
		if _, err := s.log.Last(s.Context()); err == nil {
			s.Errorf("Last succeeded")
		}
	})
}

func TestOutageEnds(t *testing.T) {
	underAttack(t, fakelog.Adversary{Outage: 0.02, OutageTime: time.Minute}, func(s *attacked) {
		for s.append() == nil {
		}
		start := time.Now()
		for s.append() != nil {
			time.Sleep(time.Second)
		}
		if took := time.Since(start); took < time.Second {
			s.Errorf("the outage has ended after %v", took)
		}
	})
}

func TestShortReads(t *testing.T) {
	underAttack(t, fakelog.Adversary{ShortRead: 1}, func(s *attacked) {
		lengths := map[int]bool{}
		for range 100 {
			records, err := s.log.Read(s.Context(), 1)
			if err != nil {
				s.Fatal(err)
			}
			for i, record := range records {
				if record.Index != uint64(i+1) {
					s.Errorf("record %d has index %d", i+1, record.Index)
				}
			}
			lengths[len(records)] = true
		}
		if !lengths[0] || !lengths[1] || !lengths[2] || lengths[3] {
			s.Errorf("reads of three records return these numbers of records: %v", lengths)
		}
	})
}

func TestSlowLastIsStillFresh(t *testing.T) {
	underAttack(t, fakelog.Adversary{SlowLast: time.Minute}, func(s *attacked) {
		start := time.Now()
		if last, err := s.log.Last(s.Context()); err != nil || last != point(3) {
			s.Errorf("Last returned %v, %v", last, err)
		}
		if took := time.Since(start); took == 0 || took > time.Minute {
			s.Errorf("Last took %v", took)
		}
	})
}

func TestWaits(t *testing.T) {
	for name, c := range map[string]struct {
		adversary fakelog.Adversary
		after     uint64
		want      error
	}{
		"without an adversary, there is a record": {fakelog.Adversary{}, 2, nil},
		"without an adversary, there is none":     {fakelog.Adversary{}, 3, context.DeadlineExceeded},
		"silent":                                  {fakelog.Adversary{SilentWait: 1}, 2, context.DeadlineExceeded},
		"early":                                   {fakelog.Adversary{EarlyWait: 1}, 3, nil},
	} {
		underAttack(t, c.adversary, func(s *attacked) {
			ctx, cancel := context.WithTimeout(s.Context(), time.Second)
			defer cancel()
			if err := s.log.Wait(ctx, c.after); !errors.Is(err, c.want) {
				s.Errorf("%s: Wait returned %v, want %v", name, err, c.want)
			}
		})
	}
}

func TestTrims(t *testing.T) {
	underAttack(t, fakelog.Adversary{Trim: 1, Keep: 2}, func(s *attacked) {
		s.wantAppended(nil)
		if _, err := s.log.Read(s.Context(), 2); !errors.Is(err, sharedlog.ErrTrimmed) {
			s.Errorf("reading record 2 returned %v, want ErrTrimmed", err)
		}
		if records, err := s.log.Read(s.Context(), 3); err != nil || len(records) != 2 {
			s.Errorf("reading from record 3 returned %v, %v", records, err)
		}
	})
}

func TestDown(t *testing.T) {
	for name, set := range map[string]func(*attacked, bool){
		"engine": func(s *attacked, down bool) { s.engine.SetDown(down) },
		"client": func(s *attacked, down bool) { s.log.SetDown(down) },
	} {
		underAttack(t, fakelog.Adversary{}, func(s *attacked) {
			waited := make(chan error, 1)
			go func() { waited <- s.log.Wait(s.Context(), 4) }()
			synctest.Wait()
			set(s, true)
			s.wantFailure()
			other := s.engine.Connect()
			for i := range uint64(2) {
				if err := other.Append(s.Context(), point(3+i), 4+i, nil); (err == nil) != (name == "client") {
					s.Errorf("%s down: an append of another client returned %v", name, err)
				}
			}
			synctest.Wait()
			if len(waited) != 0 {
				s.Errorf("%s down: Wait has returned", name)
			}
			set(s, false)
			s.wantAppended(nil)
			s.wantAppended(nil)
			if err := <-waited; err != nil {
				s.Errorf("%s up again: Wait returned %v", name, err)
			}
		})
	}
}

func TestHistoryKeepsTrimmedRecords(t *testing.T) {
	underAttack(t, fakelog.Adversary{}, func(s *attacked) {
		if err := s.log.Trim(s.Context(), 3); err != nil {
			s.Fatal(err)
		}
		if _, records := s.engine.History(); len(records) != 3 || records[0].Index != 1 {
			s.Errorf("the history has %d records", len(records))
		}
	})
}

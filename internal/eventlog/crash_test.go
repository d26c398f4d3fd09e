package eventlog_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// crashSeeds is the number of outcomes that are tried for each power failure.
const crashSeeds = 40

var errPower = errors.New("power failure")

// session opens a log, commits payloads of one event each, and closes it.
type session struct {
	payloads []string
	durable  int // how many commits have returned
}

func (s *session) run(fs vfs.FS) error {
	s.durable = 0
	log, err := openLog(fs, small)
	if err != nil {
		return err
	}
	for _, payload := range s.payloads {
		if _, err := log.Reserve(0, len(payload)); err != nil {
			return err
		}
		sealed := log.Seal(append(make([]byte, eventlog.GroupPrefix), payload...), eventlog.KindRecords, 1, clock(log.Tail().Index+1))
		if err := errors.Join(log.Write(sealed), log.Sync()); err != nil {
			return err
		}
		s.durable++
		if err := log.Preallocate(); err != nil {
			return err
		}
	}
	return log.Close(true)
}

// checkSurvivesCrash simulates a power failure before each operation of a session on a
// log with the payloads held. It fails unless the reopened log contains all durable
// commits and at most one more, and can be written again.
func checkSurvivesCrash(t *testing.T, all files, held []string, s session) {
	for moment, over := 1, false; !over; moment++ {
		mem := all.mem(t)
		done := 0
		err := s.run(vfs.Observe(mem, func(vfs.Op) error {
			if done++; done >= moment {
				return errPower
			}
			return nil
		}))
		over = err == nil
		for seed := range uint64(crashSeeds) {
			after := mem.Crash(rand.New(rand.NewPCG(seed, uint64(moment))))
			if !checkAfterCrash(t, after, held, s) {
				t.Fatalf("operation %d, seed %d: %v", moment, seed, err)
			}
		}
	}
}

func checkAfterCrash(t *testing.T, mem *vfs.Mem, held []string, s session) bool {
	l, err := openLog(mem, small)
	if err != nil {
		t.Error(err)
		return false
	}
	l.t = t
	have := l.payloads()
	want := append(slices.Clip(held), s.payloads...)
	extra := len(have) - len(held) - s.durable
	if extra < 0 || extra > 1 || len(have) > len(want) || !slices.Equal(have, want[:len(have)]) {
		t.Errorf("the log has %.20q", have)
		return false
	}
	l.commit(1, "one more")
	must(t, l.Close(true))
	return slices.Equal(openTestLog(t, mem, small).payloads(), append(have, "one more"))
}

// payloads returns the payloads of all groups except clean-close records.
func (l *testLog) payloads() (payloads []string) {
	for g, err := range l.Groups(l.Start(), l.Tail().Index) {
		must(l.t, err)
		if g.Kind == eventlog.KindRecords {
			payloads = append(payloads, string(g.Payload))
		}
	}
	return payloads
}

func TestCrashLosesNoDurableGroup(t *testing.T) {
	x, y := strings.Repeat("x", 1800), strings.Repeat("y", 3900)
	t.Run("new log", func(t *testing.T) {
		checkSurvivesCrash(t, files{"db/other": ""}, nil, session{payloads: []string{"a", x, x, x, "b"}})
	})
	t.Run("several segments", func(t *testing.T) {
		all, _ := killedLog(t)
		held := []string{"first", "second and third", "fourth, fifth and sixth"}
		checkSurvivesCrash(t, all, held, session{payloads: []string{y, y, "a", y}})
	})
	t.Run("closed log", func(t *testing.T) {
		all, _ := closedLog(t)
		held := []string{"first", "second and third", "fourth, fifth and sixth"}
		checkSurvivesCrash(t, all, held, session{payloads: []string{"a", x}})
	})
}

// A crash can also tear the clean-close record. The sizes place it at different offsets
// within its sectors; the sessions write nothing else.
func TestCrashWhileClosingLeavesValidLog(t *testing.T) {
	for _, size := range []int{250, 290, 300, 360, 368, 369} {
		payload := strings.Repeat("x", size)
		l, mem := newLog(t)
		l.commit(1, payload)
		whole := contents(t, mem)
		end := end(l.commit(1, "lost"))
		torn := contents(t, mem)
		torn[segment(1)] = flipBit(torn[segment(1)], 8*end-1)
		truncated := whole.with(segment(1), strings.TrimRight(whole[segment(1)], "\x00"))
		for name, all := range map[string]files{"unchanged": whole, "torn": torn, "without padding": truncated} {
			t.Run(name, func(t *testing.T) { checkSurvivesCrash(t, all, []string{payload}, session{}) })
		}
	}
}

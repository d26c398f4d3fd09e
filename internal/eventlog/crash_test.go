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

// crashSeeds is how many outcomes of a power cut are tried at each moment.
const crashSeeds = 40

var errPower = errors.New("the power is gone")

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

// survives cuts the power before each operation of a session on a log that
// holds some payloads, and fails unless what was durable is there when the log
// is opened again, at most one commit more, and the log can be written further.
func survives(t *testing.T, all files, held []string, s session) {
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
			if !sound(t, after, held, s) {
				t.Fatalf("operation %d, seed %d: %v", moment, seed, err)
			}
		}
	}
}

func sound(t *testing.T, mem *vfs.Mem, held []string, s session) bool {
	log, err := openLog(mem, small)
	if err != nil {
		t.Error(err)
		return false
	}
	b := &book{t, mem, log}
	have := b.payloads()
	want := append(slices.Clip(held), s.payloads...)
	extra := len(have) - len(held) - s.durable
	if extra < 0 || extra > 1 || len(have) > len(want) || !slices.Equal(have, want[:len(have)]) {
		t.Errorf("the log has %.20q", have)
		return false
	}
	b.commit(1, "one more")
	must(t, b.Close(true))
	return slices.Equal(open(t, mem, small).payloads(), append(have, "one more"))
}

// payloads gives those of the groups that are no marks.
func (b *book) payloads() (payloads []string) {
	for g, err := range b.Groups(b.Start(), b.Tail().Index) {
		must(b.t, err)
		if g.Kind == eventlog.KindRecords {
			payloads = append(payloads, string(g.Payload))
		}
	}
	return payloads
}

func TestACrashLosesNothingDurable(t *testing.T) {
	x, y := strings.Repeat("x", 1800), strings.Repeat("y", 3900)
	t.Run("of a new log", func(t *testing.T) {
		survives(t, files{"db/other": ""}, nil, session{payloads: []string{"a", x, x, x, "b"}})
	})
	t.Run("over rolls", func(t *testing.T) {
		all, _ := killed(t)
		held := []string{"first", "second and third", "fourth, fifth and sixth"}
		survives(t, all, held, session{payloads: []string{y, y, "a", y}})
	})
	t.Run("of a closed log", func(t *testing.T) {
		all, _ := closed(t)
		held := []string{"first", "second and third", "fourth, fifth and sixth"}
		survives(t, all, held, session{payloads: []string{"a", x}})
	})
}

// The mark that closing writes, too, may be torn: wherever it lies among the
// sectors, and if it is all that a session writes.
func TestACrashWhileClosingLeavesASoundLog(t *testing.T) {
	for _, size := range []int{250, 290, 300, 360, 368, 369} {
		payload := strings.Repeat("x", size)
		b, mem := begin(t)
		b.commit(1, payload)
		whole := image(t, mem)
		end := end(b.commit(1, "lost"))
		torn := image(t, mem)
		torn[segment(1)] = flip(torn[segment(1)], 8*end-1)
		cut := whole.with(segment(1), strings.TrimRight(whole[segment(1)], "\x00"))
		for name, all := range map[string]files{"untouched": whole, "torn": torn, "cut to its content": cut} {
			t.Run(name, func(t *testing.T) { survives(t, all, []string{payload}, session{}) })
		}
	}
}

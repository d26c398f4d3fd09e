package eventlog_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// randomLog is a log with the payloads that were written to it. Groups are reserved, sealed,
// withdrawn and written as the commit pipeline does it: while one is written, the next is
// open.
type randomLog struct {
	*testing.T
	chance   *rand.Rand
	mem      *vfs.Mem
	log      *testLog
	full     bool
	payloads []string
	counts   []int
	made     int
}

// openGroup is the open group.
type openGroup struct {
	bytes []byte
	count int
}

func (l *randomLog) before(op vfs.Op) error {
	if l.full && (op.Kind == "allocate" || op.Kind == "create") {
		return syscall.ENOSPC
	}
	return nil
}

func (l *randomLog) open() {
	log, err := openLog(vfs.Observe(l.mem, l.before), eventlog.Options{SegmentBytes: 2000 + int64(l.chance.IntN(3))*1500, NewID: newID})
	must(l, err)
	l.log = log
	l.check()
}

// fill reserves space and adds to the open group, and reports whether it is not full.
func (l *randomLog) fill(g *openGroup) bool {
	for range 1 + l.chance.IntN(3) {
		more := fmt.Sprint(l.made, strings.Repeat("x", l.chance.IntN(50)*l.chance.IntN(60)))
		_, err := l.log.Reserve(len(g.bytes)-eventlog.GroupPrefix, len(more))
		switch {
		case errors.Is(err, eventlog.ErrSegmentFull):
			return false
		case err != nil && l.full:
			return true
		}
		must(l, err)
		g.bytes = append(g.bytes, more...)
		g.count += l.chance.IntN(3)
		l.made++
	}
	return true
}

func (l *randomLog) seal(g *openGroup) *eventlog.Sealed {
	return l.log.Seal(g.bytes, eventlog.KindRecords, g.count, clock(l.log.Tail().Index+1))
}

func (l *randomLog) write(s *eventlog.Sealed, g *openGroup) {
	must(l, l.log.Write(s))
	must(l, l.log.Sync())
	l.payloads = append(l.payloads, string(g.bytes[eventlog.GroupPrefix:]))
	l.counts = append(l.counts, g.count)
}

func newOpenGroup() *openGroup { return &openGroup{bytes: make([]byte, eventlog.GroupPrefix)} }

// commit commits one group, which may be lost, while the next one is filled.
func (l *randomLog) commit() {
	g := newOpenGroup()
	for range 1 + l.chance.IntN(4) {
		if l.full = l.chance.IntN(5) == 0; len(g.bytes) == eventlog.GroupPrefix {
			l.fill(g)
		}
		if l.full = false; len(g.bytes) == eventlog.GroupPrefix {
			continue
		}
		sealed := l.seal(g)
		next := newOpenGroup()
		var preallocating sync.WaitGroup
		preallocating.Go(func() { must(l, l.log.Preallocate()) })
		l.fill(next)
		if l.chance.IntN(3) == 0 {
			must(l, l.log.Withdraw(sealed))
			next = newOpenGroup()
		} else {
			l.write(sealed, g)
		}
		preallocating.Wait()
		g = next
	}
}

// reopen closes the log, cleanly or not, perhaps cuts the power, and opens it.
func (l *randomLog) reopen() {
	must(l, l.log.Close(l.chance.IntN(2) == 0))
	if l.chance.IntN(2) == 0 {
		l.mem = l.mem.Crash(l.chance)
	}
	l.open()
}

// check compares the groups with those that were written.
func (l *randomLog) check() {
	n := 0
	for g, err := range l.log.Groups(l.log.Start(), l.log.Tail().Index) {
		must(l, err)
		if g.Kind == eventlog.KindClose {
			continue
		}
		if n >= len(l.payloads) || string(g.Payload) != l.payloads[n] || int(g.Count) != l.counts[n] {
			l.Fatalf("group %d is %.20q with %d events", n, g.Payload, g.Count)
		}
		n++
	}
	if n != len(l.payloads) {
		l.Fatalf("%d groups, want %d", n, len(l.payloads))
	}
}

func TestLogContainsWhatWasWrittenAndNotWithdrawn(t *testing.T) {
	for seed := range uint64(60) {
		l := &randomLog{T: t, chance: rand.New(rand.NewPCG(seed, 0)), mem: vfs.NewMem()}
		l.open()
		for range 30 {
			if l.chance.IntN(8) == 0 {
				l.reopen()
			} else {
				l.commit()
			}
		}
		l.check()
		must(t, l.log.Close(true))
		if names, err := l.mem.List(dir); err != nil || strings.Contains(fmt.Sprint(names), "next-") {
			t.Errorf("seed %d: the files are %v, %v", seed, names, err)
		}
	}
}

package logtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// Dial connects to a log.
type Dial func(ctx context.Context) (sharedlog.Log, error)

// Proposers append to one log as stores do, while a test disturbs its engine. What one of them has
// learned, by an acknowledgement or a read, must remain true.
type Proposers struct {
	dial Dial
	stop context.CancelFunc
	done sync.WaitGroup

	mu   sync.Mutex
	errs []error           // guarded by mu
	seen map[uint64][]byte // by index; guarded by mu
	own  uint64            // number of records that their proposers know to be appended; guarded by mu
}

// StartProposers creates a log, and starts n proposers and a client that only reads. They end with
// the test.
func StartProposers(t testing.TB, dial Dial, n int) *Proposers {
	t.Helper()
	p := &Proposers{dial: dial, seen: map[uint64][]byte{}}
	if _, err := p.open(t).Create(t.Context(), sharedlog.Origin{}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	for i := range n {
		p.done.Go(func() { p.run(ctx, i) })
	}
	p.done.Go(func() { p.watch(ctx) })
	t.Cleanup(func() {
		p.stop()
		p.done.Wait()
	})
	return p
}

// open opens the log, which is closed at the end of the test.
func (p *Proposers) open(t testing.TB) sharedlog.Log {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	log, err := p.dial(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log
}

// appended returns how many records the proposers have appended.
func (p *Proposers) appended() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.own
}

// AwaitMore waits until n more records have been appended.
func (p *Proposers) AwaitMore(t testing.TB, n uint64) {
	t.Helper()
	start := p.appended()
	for end := time.Now().Add(60 * time.Second); p.appended() < start+n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the proposers have appended only %d records within a minute", p.appended()-start)
		}
	}
}

// connect opens the log as soon as this is possible. It returns nil when ctx is done.
func (p *Proposers) connect(ctx context.Context) sharedlog.Log {
	for ctx.Err() == nil {
		if log, err := p.dial(ctx); err == nil {
			return log
		}
	}
	return nil
}

// watch reads what the proposers append until ctx is done.
func (p *Proposers) watch(ctx context.Context) {
	log := p.connect(ctx)
	if log == nil {
		return
	}
	defer log.Close()
	for tail := (sharedlog.Point{}); ctx.Err() == nil; {
		tail = p.follow(ctx, log, tail)
		wait, cancel := context.WithTimeout(ctx, time.Second)
		log.Wait(wait, tail.Index)
		cancel()
	}
}

// run proposes records until ctx is done.
func (p *Proposers) run(ctx context.Context, number int) {
	log := p.connect(ctx)
	if log == nil {
		return
	}
	defer log.Close()
	var tail sharedlog.Point
	for n := 0; ctx.Err() == nil; n++ {
		tail = p.follow(ctx, log, tail)
		chain := rand.Uint64()
		record := fmt.Appendf(binary.LittleEndian.AppendUint64(nil, chain), "proposer %d, record %d", number, n)
		p.propose(ctx, log, tail, record)
	}
}

// propose appends a record, until one is found at its index.
func (p *Proposers) propose(ctx context.Context, log sharedlog.Log, after sharedlog.Point, record []byte) {
	for ctx.Err() == nil {
		attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := log.Append(attempt, after, binary.LittleEndian.Uint64(record), record)
		if err == nil {
			p.see(after.Index+1, record)
		}
		records, _ := log.Read(attempt, after.Index+1)
		cancel()
		if err == nil || len(records) > 0 && bytes.Equal(records[0].Bytes, record) {
			p.mu.Lock()
			p.own++
			p.mu.Unlock()
		}
		for _, r := range records {
			p.see(r.Index, r.Bytes)
		}
		if err == nil || len(records) > 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// follow reads what others have appended after a point.
func (p *Proposers) follow(ctx context.Context, log sharedlog.Log, tail sharedlog.Point) sharedlog.Point {
	for ctx.Err() == nil {
		attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
		records, err := log.Read(attempt, tail.Index+1)
		cancel()
		for _, r := range records {
			p.see(r.Index, r.Bytes)
			tail = sharedlog.Point{Index: r.Index, Chain: binary.LittleEndian.Uint64(r.Bytes)}
		}
		if err == nil && len(records) == 0 {
			break
		}
	}
	return tail
}

// see notes what is at an index.
func (p *Proposers) see(index uint64, record []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.seen[index]; ok && !bytes.Equal(old, record) {
		p.errs = append(p.errs, fmt.Errorf("record %d was %q and is %q", index, old, record))
	}
	p.seen[index] = bytes.Clone(record)
}

// Check stops the proposers, and checks that the log contains what they have learned.
func (p *Proposers) Check(t testing.TB) {
	t.Helper()
	p.stop()
	p.done.Wait()
	for _, err := range p.errs {
		t.Error(err)
	}
	log := p.open(t)
	have := map[uint64][]byte{}
	for {
		records, err := log.Read(t.Context(), uint64(len(have))+1)
		if err != nil {
			t.Fatal(err)
		}
		if len(records) == 0 {
			break
		}
		for _, r := range records {
			have[r.Index] = r.Bytes
		}
	}
	for index, record := range p.seen {
		if !bytes.Equal(have[index], record) {
			t.Errorf("record %d was %q and is %q", index, record, have[index])
		}
	}
	t.Logf("%d records, of which %d were acknowledged or found by their proposers", len(have), p.own)
}

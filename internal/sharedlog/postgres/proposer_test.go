package postgres_test

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
	"github.com/umadb-go/umadb/internal/sharedlog/postgres"
)

// proposers append to one log as stores do. What one of them has learned, by an acknowledgement or
// a read, must remain true.
type proposers struct {
	url  string
	stop context.CancelFunc
	done sync.WaitGroup

	mu   sync.Mutex
	errs []error
	seen map[uint64][]byte // by index
	own  uint64            // number of records that their proposers know to be appended
}

// startProposers creates a log, and starts n proposers and a client that only reads.
func startProposers(t *testing.T, url string, n int) *proposers {
	t.Helper()
	log := open(t, url)
	if _, err := log.Create(t.Context(), sharedlog.Origin{}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &proposers{url: url, stop: stop, seen: map[uint64][]byte{}}
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

// open opens a log, which is closed at the end of the test.
func open(t *testing.T, url string) *postgres.Log {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	log, err := postgres.Open(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log
}

// appended returns how many records the proposers have appended.
func (p *proposers) appended() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.own
}

// awaitMore waits until n more records have been appended.
func (p *proposers) awaitMore(t *testing.T, n uint64) {
	t.Helper()
	start := p.appended()
	for end := time.Now().Add(60 * time.Second); p.appended() < start+n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the proposers have appended only %d records within a minute", p.appended()-start)
		}
	}
}

// connect opens the log as soon as this is possible. It returns nil when ctx is done.
func (p *proposers) connect(ctx context.Context) (log *postgres.Log) {
	for log == nil && ctx.Err() == nil {
		log, _ = postgres.Open(ctx, p.url)
	}
	return log
}

// watch reads what the proposers append until ctx is done.
func (p *proposers) watch(ctx context.Context) {
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
func (p *proposers) run(ctx context.Context, number int) {
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
func (p *proposers) propose(ctx context.Context, log *postgres.Log, after sharedlog.Point, record []byte) {
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
func (p *proposers) follow(ctx context.Context, log *postgres.Log, tail sharedlog.Point) sharedlog.Point {
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
func (p *proposers) see(index uint64, record []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.seen[index]; ok && !bytes.Equal(old, record) {
		p.errs = append(p.errs, fmt.Errorf("record %d was %q and is %q", index, old, record))
	}
	p.seen[index] = bytes.Clone(record)
}

// check stops the proposers, and checks that the log contains what they have learned.
func (p *proposers) check(t *testing.T) {
	t.Helper()
	p.stop()
	p.done.Wait()
	for _, err := range p.errs {
		t.Error(err)
	}
	log := open(t, p.url)
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

package fakelog_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
)

var seeds = flag.Uint64("seeds", 30, "number of adversaries for TestProposers")

// Several clients append under attack, by the rules of package sharedlog. Whatever the
// adversary does, the outcome that a client finds must be true, and the log must be exact.
// When the adversary has gone, each client must be able to append again soon.
func TestProposers(t *testing.T) {
	for seed := range *seeds {
		synctest.Test(t, func(t *testing.T) { testProposers(t, seed) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func testProposers(t *testing.T, seed uint64) {
	engine := fakelog.New(fakelog.Options{})
	proposers := make([]*proposer, 3)
	for i := range proposers {
		proposers[i] = &proposer{log: engine.Connect(), id: byte(i), random: rand.New(rand.NewPCG(seed, uint64(i)))}
	}
	if _, err := proposers[0].log.Create(t.Context(), sharedlog.Origin{}); err != nil {
		t.Fatal(err)
	}
	hostile := fakelog.Hostile(seed)
	if seed%2 == 0 {
		hostile.Trim, hostile.Keep = 0.1, 100 // more than is appended while a client is away
	}
	engine.Attack(hostile)
	each(proposers, func(p *proposer) { p.appendUntil(t, time.Now().Add(10*time.Minute)) })

	engine.Heal()
	each(proposers, func(p *proposer) {
		start := time.Now()
		p.appendOnce(t)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("client %d needs %v for an append without an adversary", p.id, took)
		}
	})
	time.Sleep(time.Minute) // late requests arrive
	_, records := engine.History()
	checkHistory(t, records)
	for _, p := range proposers {
		p.check(t, records)
		p.log.Close()
	}
	if len(records) < 50 {
		t.Errorf("only %d records were appended", len(records))
	}
}

func each(proposers []*proposer, f func(*proposer)) {
	var running sync.WaitGroup
	for _, p := range proposers {
		running.Go(func() { f(p) })
	}
	running.Wait()
}

// proposer appends to the log as a store does.
type proposer struct {
	log    sharedlog.Log
	id     byte
	random *rand.Rand
	tail   sharedlog.Point
	number uint64

	won  map[uint64][]byte // by index
	lost [][]byte
}

// record returns a record with the point before it, its chain and the writer.
func (p *proposer) record(after sharedlog.Point, chain uint64) []byte {
	p.number++
	b := binary.LittleEndian.AppendUint64(nil, after.Index)
	b = binary.LittleEndian.AppendUint64(b, after.Chain)
	b = binary.LittleEndian.AppendUint64(b, chain)
	return fmt.Appendf(b, "client %d, record %d", p.id, p.number)
}

func decode(record sharedlog.Record) (after, at sharedlog.Point) {
	after = sharedlog.Point{Index: binary.LittleEndian.Uint64(record.Bytes), Chain: binary.LittleEndian.Uint64(record.Bytes[8:])}
	return after, sharedlog.Point{Index: record.Index, Chain: binary.LittleEndian.Uint64(record.Bytes[16:])}
}

func (p *proposer) appendUntil(t *testing.T, end time.Time) {
	for time.Now().Before(end) {
		p.appendOnce(t)
		time.Sleep(time.Duration(p.random.Int64N(int64(time.Second))))
	}
}

// appendOnce appends new records until one of them has won.
func (p *proposer) appendOnce(t *testing.T) {
	for {
		p.follow()
		chain := p.random.Uint64()
		record := p.record(p.tail, chain)
		next := sharedlog.Point{Index: p.tail.Index + 1, Chain: chain}
		found := p.propose(t, next, record)
		_, p.tail = decode(found)
		if bytes.Equal(found.Bytes, record) {
			if p.won == nil {
				p.won = map[uint64][]byte{}
			}
			p.won[next.Index] = record
			return
		}
		p.lost = append(p.lost, record)
	}
}

// propose returns the record that is at an index after a record was proposed there.
func (p *proposer) propose(t *testing.T, at sharedlog.Point, record []byte) sharedlog.Record {
	after := p.tail
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		err := p.log.Append(ctx, after, at.Chain, record)
		cancel()
		if err == nil {
			return sharedlog.Record{Index: at.Index, Bytes: record}
		}
		if found := p.read(at.Index); len(found) > 0 {
			return found[0]
		}
		time.Sleep(pause)
	}
}

// follow reads what other clients have appended.
func (p *proposer) follow() {
	for {
		records := p.read(p.tail.Index + 1)
		for _, record := range records {
			_, p.tail = decode(record)
		}
		if len(records) == 0 {
			return
		}
	}
}

func (p *proposer) read(from uint64) []sharedlog.Record {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	records, err := p.log.Read(ctx, from)
	if errors.Is(err, sharedlog.ErrTrimmed) {
		panic("the adversary has trimmed what a client needs")
	}
	return records
}

// check checks that what the client believes is true.
func (p *proposer) check(t *testing.T, records []sharedlog.Record) {
	for index, record := range p.won {
		if !bytes.Equal(records[index-1].Bytes, record) {
			t.Errorf("record %d is %q, but %q has won", index, records[index-1].Bytes[24:], record[24:])
		}
	}
	for _, record := range p.lost {
		for _, other := range records {
			if bytes.Equal(other.Bytes, record) {
				t.Errorf("%q was found to be lost, but is record %d", record[24:], other.Index)
			}
		}
	}
}

// checkHistory checks that each record was appended after the one before it.
func checkHistory(t *testing.T, records []sharedlog.Record) {
	var tail sharedlog.Point
	for i, record := range records {
		after, at := decode(record)
		if record.Index != uint64(i+1) || after != tail {
			t.Errorf("record %d is at index %d, and was appended after %v instead of %v", i+1, record.Index, after, tail)
		}
		tail = at
	}
}

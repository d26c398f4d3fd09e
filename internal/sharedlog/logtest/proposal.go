package logtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// proposalHeader is the size of what identifies a record of the suite.
const proposalHeader = 24

// proposal is a record of the suite. Its bytes contain after and chain, and are otherwise
// determined by them and by their number, so that every change can be detected.
type proposal struct {
	after sharedlog.Point
	chain uint64
	bytes []byte
}

// propose returns a new record, which is unique.
func propose(after sharedlog.Point) proposal {
	return proposeSize(after, proposalHeader+rand.IntN(200))
}

// proposeSize returns a new record with a number of bytes.
func proposeSize(after sharedlog.Point, size int) proposal {
	return makeProposal(after, rand.Uint64(), size)
}

func makeProposal(after sharedlog.Point, chain uint64, size int) proposal {
	b := make([]byte, size)
	binary.LittleEndian.PutUint64(b[0:], after.Index)
	binary.LittleEndian.PutUint64(b[8:], after.Chain)
	binary.LittleEndian.PutUint64(b[16:], chain)
	var seed [32]byte
	copy(seed[:], b[:proposalHeader])
	binary.LittleEndian.PutUint64(seed[proposalHeader:], uint64(size))
	rand.NewChaCha8(seed).Read(b[proposalHeader:])
	return proposal{after, chain, b}
}

// parse returns the proposal of a record that was read, which must have an index.
func parse(record sharedlog.Record, index uint64) (proposal, error) {
	if record.Index != index {
		return proposal{}, fmt.Errorf("record %d is in the place of record %d", record.Index, index)
	}
	if len(record.Bytes) < proposalHeader {
		return proposal{}, fmt.Errorf("it has only %d bytes", len(record.Bytes))
	}
	after := sharedlog.Point{Index: binary.LittleEndian.Uint64(record.Bytes), Chain: binary.LittleEndian.Uint64(record.Bytes[8:])}
	p := makeProposal(after, binary.LittleEndian.Uint64(record.Bytes[16:]), len(record.Bytes))
	if !bytes.Equal(p.bytes, record.Bytes) {
		return proposal{}, errors.New("its bytes are not those that were appended")
	}
	if p.point().Index != index {
		return proposal{}, fmt.Errorf("it was appended as record %d", p.point().Index)
	}
	return p, nil
}

// point returns the point of the record.
func (p proposal) point() sharedlog.Point {
	return sharedlog.Point{Index: p.after.Index + 1, Chain: p.chain}
}

func (p proposal) appendTo(ctx context.Context, log sharedlog.Log) error {
	return log.Append(ctx, p.after, p.chain, p.bytes)
}

// appender appends as one of several stores would. It is used by one goroutine.
type appender struct {
	*fixture
	log  sharedlog.Log
	tail sharedlog.Point
}

// run appends records until the log ends at or after an index, and calls appended with each
// that the log has acknowledged.
func (a *appender) run(last uint64, appended func(sharedlog.Point)) {
	for a.tail.Index < last {
		p := propose(a.tail)
		if p.appendTo(a.ctx, a.log) == nil {
			a.tail = p.point()
			appended(a.tail)
			breathe()
		} else if err := a.follow(); err != nil {
			a.Errorf("following record %d: %v", a.tail.Index, err)
			return
		}
	}
}

// follow reads what other clients have appended, or waits if there is nothing.
func (a *appender) follow() error {
	records, err := a.log.Read(a.ctx, a.tail.Index+1)
	if errors.Is(err, sharedlog.ErrTrimmed) {
		a.tail, err = a.log.Last(a.ctx)
		return err
	}
	for _, record := range records {
		p, err := parse(record, a.tail.Index+1)
		if err != nil {
			return err
		}
		a.tail = p.point()
	}
	if err == nil && len(records) == 0 {
		time.Sleep(5 * time.Millisecond)
		err = a.ctx.Err()
	}
	return err
}

package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// writerPause is the pause between two appends.
const writerPause = 2 * time.Millisecond

// writer appends one event after the other, and records when each was acknowledged.
type writer struct {
	store  dcb.EventStore
	run    string // distinguishes its tags
	number int    // of its last event

	mu       sync.Mutex
	acks     []time.Time // guarded by mu
	position uint64      // of the last one; guarded by mu
}

func newWriter(store dcb.EventStore) *writer { return &writer{store: store, run: uuid()[:8]} }

func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	text := hex.EncodeToString(b[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// append appends until ctx is done.
func (w *writer) append(ctx context.Context) {
	for ctx.Err() == nil {
		_ = w.once(ctx)
		time.Sleep(writerPause)
	}
}

// once appends an event until that is acknowledged, or ctx is done. An append whose outcome is
// unknown is repeated, which the servers recognise by the condition and the UUID.
func (w *writer) once(ctx context.Context) error {
	w.number++
	tag := fmt.Sprintf("writer:%s-%d", w.run, w.number)
	event := dcb.Event{Type: "Written", Tags: []string{tag}, Data: make([]byte, 100), UUID: uuid()}
	condition := &dcb.AppendCondition{FailIfEventsMatch: dcb.Query{Items: []dcb.QueryItem{{Tags: []string{tag}}}}}
	for {
		position, err := w.store.Append(ctx, []dcb.Event{event}, condition, nil)
		if err == nil {
			w.acknowledged(position)
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		time.Sleep(writerPause)
	}
}

func (w *writer) acknowledged(position uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acks, w.position = append(w.acks, time.Now()), position
}

// last returns the number of acknowledgements, and the last position.
func (w *writer) last() (acks int, position uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acks), w.position
}

// furtherAcks is how many acknowledgements show that appends continue.
const furtherAcks = 50

// gap waits until appends continue after some time, and returns the longest time between two
// acknowledgements since a fault, and when that ended.
func (w *writer) gap(fault, after time.Time) (longest time.Duration, end time.Time, err error) {
	for patience := time.Now().Add(time.Minute); ; time.Sleep(joinPause) {
		w.mu.Lock()
		acks := w.acks
		w.mu.Unlock()
		if at := len(acks) - furtherAcks; at < 0 || acks[at].Before(after) {
			if time.Now().After(patience) {
				return 0, end, errors.New("appends do not continue within a minute")
			}
			continue
		}
		for i := len(acks) - 1; i > 0 && acks[i].After(fault); i-- {
			if gap := acks[i].Sub(acks[i-1]); gap > longest {
				longest, end = gap, acks[i]
			}
		}
		return longest, end, nil
	}
}

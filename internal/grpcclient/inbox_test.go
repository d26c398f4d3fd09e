package grpcclient

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
)

// counted is a pool of buffers of a few sizes that counts those in use.
type counted struct{ inUse, bytes int }

func (p *counted) Get(length int) *[]byte {
	size := 100
	for size < length {
		size *= 10
	}
	p.inUse++
	p.bytes += size
	return new(make([]byte, length, size))
}

func (p *counted) Put(buffer *[]byte) {
	p.inUse--
	p.bytes -= cap(*buffer)
	clear((*buffer)[:cap(*buffer)]) // so that later use is noticed
}

func framed(content []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(content))), content...)
}

func TestInboxReturnsMessagesOfAnyPieces(t *testing.T) {
	sizes := []int{0, 1, 3, 90, 95, 96, 500, 0, 0, 2000, 7}
	var all []byte
	for i, size := range sizes {
		all = append(all, framed(bytes.Repeat([]byte{byte('a' + i)}, size))...)
	}
	for piece := 1; piece < len(all)+1; piece += 1 + piece/50 {
		for _, eager := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d bytes, read at once: %v", piece, eager), func(t *testing.T) {
				pool := new(counted)
				b := &inbox{buffers: pool, limit: 1 << 20}
				n := 0
				read := func() {
					for {
						announced := b.hasMessage()
						message, found := b.next()
						if found != announced {
							t.Fatalf("message %d: hasMessage is %v", n, announced)
						}
						if !found {
							return
						}
						if want := bytes.Repeat([]byte{byte('a' + n)}, sizes[n]); !bytes.Equal(message, want) {
							t.Fatalf("message %d is %q", n, message)
						}
						n++
					}
				}
				for rest := all; len(rest) > 0; {
					next := rest[:min(piece, len(rest))]
					rest = rest[len(next):]
					if err := b.add(next); err != nil {
						t.Fatal(err)
					}
					if eager {
						read()
					}
				}
				read()
				if n != len(sizes) || b.isPartial() {
					t.Errorf("%d messages, partial: %v", n, b.isPartial())
				}
				b.free()
				if pool.inUse != 0 {
					t.Errorf("%d buffers are in use", pool.inUse)
				}
			})
		}
	}
}

// A message that was read stays the same while others arrive, until the next one is read.
func TestInboxDoesNotChangeTheMessageThatWasRead(t *testing.T) {
	b := &inbox{buffers: new(counted), limit: 1 << 20}
	b.add(framed([]byte("first")))
	first, _ := b.next()
	for range 100 {
		b.add(framed([]byte("another")))
	}
	if string(first) != "first" {
		t.Errorf("it became %q", first)
	}
}

func TestInboxTakesMemoryForWhatHasArrived(t *testing.T) {
	pool := new(counted)
	b := &inbox{buffers: pool, limit: 1 << 30}
	prefix := framed(nil)
	binary.BigEndian.PutUint32(prefix[1:], 1<<30)
	b.add(prefix)
	arrived := 0
	for range 100 {
		b.add(make([]byte, 16<<10))
		arrived += 16 << 10
		if have := cap(*b.last().buffer); have > max(10*firstBuffer, 2*arrived+prefixSize) {
			t.Fatalf("%d bytes for a message of which %d have arrived", have, arrived)
		}
	}
	b.free()

	// Messages without content take a few bytes each.
	for range 10_000 {
		b.add(framed(nil))
	}
	if pool.bytes > 10_000*prefixSize*3 {
		t.Errorf("%d bytes for 10,000 messages", pool.bytes)
	}
}

func TestInboxRefuses(t *testing.T) {
	for _, prefix := range []string{"\x01\x00\x00\x00\x00", "\x02\x00\x00\x00\x00", "\x00\x00\x00\x00\x0b", "\x00\xff\xff\xff\xff"} {
		b := &inbox{buffers: new(counted), limit: 10}
		if err := b.add([]byte(prefix)); err == nil {
			t.Errorf("%q was accepted", prefix)
		}
	}
}

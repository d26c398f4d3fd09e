package main

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
)

// The parts of events. Those that differ between events have a fixed width, so that
// an encoded event is made with one copy and three overwrites: the client must be cheap
// compared with the server.
const (
	eventType     = "OrderShipped"
	rareType      = "OrderRefused"         // of one in rareEvery events of the preloaded store
	customerTag   = "customer:00000000000" // shared by some events
	orderTag      = "order:00000000000000" // of one event only
	eventUUID     = "00000000-0000-4000-8000-000000000000"
	customerStart = len("customer:")
	orderStart    = len("order:")

	rareEvery = 1000
)

// event contains what differs between the events of a client.
type event struct {
	customer, order uint64 // the numbers in the tags
	high, low       uint64 // the random bits of the UUID
	rare            bool
}

func (e *event) eventType() string {
	if e.rare {
		return rareType
	}
	return eventType
}

// customerOf and orderOf return the tags with a number.
func customerOf(n uint64) string { return tagOf(customerTag, customerStart, n) }
func orderOf(n uint64) string    { return tagOf(orderTag, orderStart, n) }

// uuid returns the UUID, whose version is 4.
func (e *event) uuid() (id [16]byte) {
	binary.BigEndian.PutUint64(id[:8], e.high)
	binary.BigEndian.PutUint64(id[8:], e.low)
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// payload returns the data of the events of a client. Equal seeds make equal data.
func payload(size int, seed uint64) []byte {
	random := rand.New(rand.NewPCG(seed, 0))
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

// template is an encoded event.
type template struct {
	encoded                          []byte
	eventType, customer, order, uuid int // offsets of the type and of digits; uuid is -1 without a UUID
}

// newTemplate returns the template for an encoding of the event with the type eventType,
// the tags customerTag and orderTag and, if the server has them, the UUID eventUUID.
func newTemplate(encoded []byte) template {
	return template{
		encoded:   encoded,
		eventType: bytes.Index(encoded, []byte(eventType)),
		customer:  bytes.Index(encoded, []byte(customerTag)) + customerStart,
		order:     bytes.Index(encoded, []byte(orderTag)) + orderStart,
		uuid:      bytes.LastIndex(encoded, []byte(eventUUID)),
	}
}

// appendEvent appends the encoding of an event.
func (t *template) appendEvent(request []byte, e *event) []byte {
	start := len(request)
	request = append(request, t.encoded...)
	encoded := request[start:]
	putDecimal(encoded[t.customer:][:len(customerTag)-customerStart], e.customer)
	putDecimal(encoded[t.order:][:len(orderTag)-orderStart], e.order)
	if e.rare {
		copy(encoded[t.eventType:], rareType)
	}
	if t.uuid >= 0 {
		putUUID(encoded[t.uuid:][:len(eventUUID)], e.high, e.low)
	}
	return request
}

// putDecimal fills dst with the last digits of n.
func putDecimal(dst []byte, n uint64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = '0' + byte(n%10)
		n /= 10
	}
}

// putUUID replaces the random digits of a version 4 UUID.
func putUUID(dst []byte, high, low uint64) {
	const digits = "0123456789abcdef"
	for i := range dst {
		switch i {
		case 8, 13, 18, 23: // hyphens
			high, low = low, high
			continue
		case 14, 19: // version and variant
			continue
		}
		dst[i] = digits[high&15]
		high >>= 4
	}
}

// tagOf returns a tag with the digits of n.
func tagOf(template string, start int, n uint64) string {
	tag := []byte(template)
	putDecimal(tag[start:], n)
	return string(tag)
}

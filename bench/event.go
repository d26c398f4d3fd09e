package main

import (
	"bytes"
	"math/rand/v2"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// The parts of an event that differ from one to the next, as the template has
// them. All have a fixed width, so that making an event is a copy and three
// stamps: the client must cost little beside the server.
const (
	eventType     = "OrderShipped"
	customerTag   = "customer:00000000000" // shared by some events
	orderTag      = "order:00000000000000" // of one event only
	eventUUID     = "00000000-0000-4000-8000-000000000000"
	customerStart = len("customer:")
	orderStart    = len("order:")
)

// eventMaker makes events, encoded as entries of AppendRequest.events. It is
// for one goroutine.
type eventMaker struct {
	template              []byte
	customer, order, uuid int // where their digits lie in the template
	random                *rand.Rand
}

// newEventMaker makes the same events for the same seed.
func newEventMaker(dataBytes int, seed uint64) *eventMaker {
	random := rand.New(rand.NewPCG(seed, 0))
	data := make([]byte, dataBytes)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	template := encoding.EncodeAppend([]dcb.Event{{
		Type: eventType, Tags: []string{customerTag, orderTag}, Data: data, UUID: eventUUID,
	}}, nil, nil)
	return &eventMaker{
		template: template,
		customer: bytes.Index(template, []byte(customerTag)) + customerStart,
		order:    bytes.Index(template, []byte(orderTag)) + orderStart,
		uuid:     bytes.LastIndex(template, []byte(eventUUID)),
		random:   random,
	}
}

// appendEvent appends the event of this customer and order, with a new UUID.
func (m *eventMaker) appendEvent(request []byte, customer, order uint64) []byte {
	start := len(request)
	request = append(request, m.template...)
	event := request[start:]
	putDecimal(event[m.customer:][:len(customerTag)-customerStart], customer)
	putDecimal(event[m.order:][:len(orderTag)-orderStart], order)
	putUUID(event[m.uuid:][:len(eventUUID)], m.random.Uint64(), m.random.Uint64())
	return request
}

// putDecimal fills dst with the last digits of n.
func putDecimal(dst []byte, n uint64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = '0' + byte(n%10)
		n /= 10
	}
}

// putUUID replaces the digits of a template UUID that a random one may choose.
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

// tagOf gives a tag of the template with the digits of n.
func tagOf(template string, start int, n uint64) string {
	tag := []byte(template)
	putDecimal(tag[start:], n)
	return string(tag)
}

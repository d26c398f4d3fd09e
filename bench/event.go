package main

import (
	"bytes"
	"math/rand/v2"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// The parts of the template that differ between events. All have a fixed width, so
// that an event is made with one copy and three overwrites: the client must be cheap
// compared with the server.
const (
	eventType     = "OrderShipped"
	customerTag   = "customer:00000000000" // shared by some events
	orderTag      = "order:00000000000000" // of one event only
	eventUUID     = "00000000-0000-4000-8000-000000000000"
	customerStart = len("customer:")
	orderStart    = len("order:")
)

// eventMaker makes events, encoded as entries of AppendRequest.events. It must not
// be used concurrently.
type eventMaker struct {
	template              []byte
	customer, order, uuid int // offsets of their digits in the template
	random                *rand.Rand
}

// newEventMaker returns an eventMaker. Equal seeds make equal events.
func newEventMaker(dataBytes int, seed uint64) *eventMaker {
	random := rand.New(rand.NewPCG(seed, 0))
	data := make([]byte, dataBytes)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	template := record.EncodeAppend([]dcb.Event{{
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

// appendEvent appends an event with this customer and order and a new UUID.
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

// tagOf returns a tag of the template with the digits of n.
func tagOf(template string, start int, n uint64) string {
	tag := []byte(template)
	putDecimal(tag[start:], n)
	return string(tag)
}

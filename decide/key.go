package decide

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/umadb-go/umadb/dcb"
)

// key is the start of the UUIDs of the events of a decision with a key: 12 bytes in hexadecimal
// digits with hyphens, a hash of the key. After it are, in 4 digits each, the number of the event, from 0, and the
// number of events less 1. So each of the events shows where the last one is. It is empty if
// the decision has no key. The UUIDs are of version 8, and those of the Python package are the same.
type key string

// keyLength is the length of a key with a hash.
const keyLength = len("xxxxxxxx-xxxx-xxxx-xxxx-xxxx")

func newKey(text string) key {
	if text == "" {
		return ""
	}
	hash := sha256.Sum256([]byte(text))
	id := uuid.UUID(hash[:16])
	id[6] = id[6]&0x0f | 0x80 // version
	id[8] = id[8]&0x3f | 0x80 // variant
	return key(id.String()[:keyLength])
}

// uuid returns the UUID of an event.
func (k key) uuid(number, events int) string {
	return fmt.Sprintf("%s%04x%04x", string(k), number, events-1)
}

// find returns the position of the last event of a decision with this key, and reports whether
// the event is of such a decision.
func (k key) find(event dcb.SequencedEvent) (last uint64, found bool) {
	digits, found := strings.CutPrefix(event.Event.UUID, string(k))
	if k == "" || !found {
		return 0, false
	}
	numbers, err := strconv.ParseUint(digits, 16, 32)
	if err != nil {
		return 0, false
	}
	return event.Position - numbers>>16 + numbers&0xffff, true
}

// identify returns the events with UUIDs: those of the key, or random ones where they have none.
func (m *model[S]) identify(events []dcb.Event) ([]dcb.Event, error) {
	matches := func(e dcb.Event) bool { return m.decision.Query.Matches(e.Type, e.Tags) }
	if m.key != "" && !slices.ContainsFunc(events, matches) {
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the query matches no event of a decision with a key, so the key would not be recognised"}
	}
	events = slices.Clone(events) // they are the caller's
	for i := range events {
		switch {
		case m.key != "":
			events[i].UUID = m.key.uuid(i, len(events))
		case events[i].UUID == "":
			events[i].UUID = uuid.NewString()
		}
	}
	return events, nil
}

package console

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
)

// The size of an event as JSON is not underestimated.
func TestSizeAsJSON(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("\x00\b\t\v\x1f\"\\<\x7f\u0080é\u200d\u202e\U000e0001🙂"))))
	rapid.Check(t, func(t *rapid.T) {
		e := dcb.SequencedEvent{Position: rapid.Uint64().Draw(t, "position"), Event: dcb.Event{
			Type:     text.Draw(t, "type"),
			Tags:     rapid.SliceOf(text).Draw(t, "tags"),
			Data:     rapid.OneOf(rapid.SliceOf(rapid.Byte()), rapid.Custom(func(t *rapid.T) []byte { return []byte(text.Draw(t, "text")) })).Draw(t, "data"),
			Metadata: []dcb.Metadata{{Key: text.Draw(t, "key"), Value: text.Draw(t, "value")}},
		}}
		if line := ndjson.AppendEvent(nil, &e); len(line) > jsonSize(&e) {
			t.Fatalf("the size is %d, want at least %d: %s", jsonSize(&e), len(line), line)
		}
	})
}

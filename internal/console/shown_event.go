package console

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
)

// shownEvent is an event as pages show it.
type shownEvent struct {
	dcb.SequencedEvent
	// omittedFrom is the size of the data if the event has only the start of it, and otherwise 0.
	omittedFrom int
	// moreTags and moreMetadata are the numbers of tags and of entries of the metadata that it does not have.
	moreTags, moreMetadata int
	isTypeCut              bool
	// by is the item of a query by which the event was read, for the links to it.
	by dcb.QueryItem
	// under is where its type and tags lead.
	under narrowing
}

// newShownEvent returns an event. If it is larger as JSON than most, it has only so many bytes of its data, and if it is
// still larger, only its first tags, no metadata, and only the beginning of a long type.
func newShownEvent(e dcb.SequencedEvent, most, begin int) shownEvent {
	shown, size := shownEvent{SequencedEvent: e}, jsonSize(&e)
	if size <= most {
		return shown
	}
	if len(e.Event.Data) > begin {
		shown.omittedFrom = len(e.Event.Data)
		shown.Event.Data = bytes.Clone(cutText(e.Event.Data, begin)) // the whole is no longer referred to
		size -= textSize(string(e.Event.Data))
	}
	if size <= most {
		return shown
	}
	tags := firstTags(e.Event.Tags).clone()
	shown.Event.Tags, shown.moreTags = tags.Shown, tags.More
	shown.Event.Metadata, shown.moreMetadata = nil, len(e.Event.Metadata)
	shown.Event.Type, shown.isTypeCut = strings.Clone(shortName(e.Event.Type)), len(e.Event.Type) > maxNameBytes
	return shown
}

// isPart reports whether the event does not have all of its data, tags and metadata.
func (e shownEvent) isPart() bool { return e.omittedFrom+e.moreTags+e.moreMetadata > 0 || e.isTypeCut }

// ShownTags returns the first tags.
func (e shownEvent) ShownTags() tagList { return firstTags(e.Event.Tags, e.moreTags) }

// TypeChip returns the type for display.
func (e shownEvent) TypeChip() chip {
	if e.isTypeCut {
		return chip{Name: e.Event.Type}
	}
	return e.under.typed(e.Event.Type)
}

// TagChips returns the first tags for display.
func (e shownEvent) TagChips() tagChips { return e.under.chips(e.ShownTags()) }

// briefEvent returns an event that a page shows beside other things, and that was read by a query.
func briefEvent(e dcb.SequencedEvent, query dcb.Query) shownEvent {
	shown := newShownEvent(e, briefBytes, listedBytes)
	shown.by = itemFor(query, &e.Event)
	return shown
}

// briefEvents reads events that a page shows beside other things.
func briefEvents(ctx context.Context, s dcb.EventStore, query dcb.Query, options dcb.ReadOptions) (events []shownEvent, err error) {
	for e, err := range s.Read(ctx, query, options).All() {
		if err != nil {
			return nil, err
		}
		events = append(events, briefEvent(e, query))
	}
	return events, nil
}

// MarshalJSON returns the event as a line of NDJSON. Instead of data that is omitted, it has its size and where
// it is, and it has the numbers of omitted tags and entries of the metadata.
func (e shownEvent) MarshalJSON() ([]byte, error) {
	event := e.SequencedEvent
	if e.omittedFrom > 0 {
		event.Event.Data = nil
	}
	line := bytes.TrimSuffix(ndjson.AppendEvent(nil, &event), []byte("\n"))
	if e.moreTags+e.moreMetadata > 0 {
		line = fmt.Appendf(line[:len(line)-1], `,"more_tags":%d,"more_metadata":%d}`, e.moreTags, e.moreMetadata)
	}
	if e.omittedFrom > 0 {
		line = fmt.Appendf(line[:len(line)-1], `,"data_omitted":{"bytes":%d,"download":"%s"}}`, e.omittedFrom, e.download())
	}
	return line, nil
}

// Link returns the link to the page of the event.
func (e shownEvent) Link() string { return linkEvent("/event", e.Position, e.by) }

// Code returns the link to the event in several languages.
func (e shownEvent) Code() string { return linkEvent("/code", e.Position, e.by) }

// download returns the link to the data.
func (e shownEvent) download() string { return linkEvent("/data/download", e.Position, e.by) }

// eventColumns are the columns of shownEvent.row.
func eventColumns() []string {
	return []string{"position", "recorded_at", "type", "tags", "more_tags"}
}

// row returns the event as the start of a row of a table.
func (e shownEvent) row() []string {
	at, moreTags := "", ""
	if e.moreTags > 0 {
		moreTags = strconv.Itoa(e.moreTags)
	}
	if !e.RecordedAt.IsZero() {
		at = e.RecordedAt.UTC().Format(time.RFC3339Nano)
	}
	return []string{strconv.FormatUint(e.Position, 10), at, e.Event.Type, string(ndjson.AppendTags(nil, e.Event.Tags)), moreTags}
}

// Payload returns the start of the data for display.
func (e shownEvent) Payload() payload { return e.payload("", listedBytes) }

// payload returns about so many bytes of the data in a view.
func (e shownEvent) payload(view string, most int) payload {
	p := newPayload(e.Position, e.Event.Data, view, most)
	p.by = e.by
	if e.omittedFrom > 0 {
		p.Size, p.Cut = e.omittedFrom, true
	}
	return p
}

// browsedEvent is an event in a list whose data has a chosen view.
type browsedEvent struct {
	shownEvent
	view string
}

// Payload returns the start of the data in the chosen view.
func (e browsedEvent) Payload() payload { return e.payload(e.view, listedBytes) }

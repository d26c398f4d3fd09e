package parquet

import (
	"github.com/parquet-go/parquet-go"

	"github.com/umadb-go/umadb/dcb"
)

// row describes the columns. Its values are built by appendRow, because the library would lose the
// order of metadata.
//
// Positions are signed: they are joined with and subtracted from
// other integers, which are signed in most programs. Clients choose tracking positions, and may
// use all 64 bits.
type row struct {
	Position         int64             `parquet:"position,delta"`
	RecordedAt       int64             `parquet:"recorded_at,optional,delta,timestamp(microsecond)"`
	Type             string            `parquet:"type,dict"`
	Tags             []string          `parquet:"tags,list"`
	UUID             string            `parquet:"uuid,optional"`
	Metadata         map[string]string `parquet:"metadata" parquet-key:",dict"`
	Data             []byte            `parquet:"data"`
	TrackingSource   string            `parquet:"tracking_source,optional,dict"`
	TrackingPosition uint64            `parquet:"tracking_position,optional"`
}

// The columns of row. A list and a map are columns with several values per row.
const (
	position = iota
	recordedAt
	eventType
	tag
	uuid
	metadataKey
	metadataValue
	data
	trackingSource
	trackingPosition
)

// unbounded are the columns whose smallest and largest value are not recorded in the footer of the
// file: they may have any size, and the footer is in memory.
var unbounded = [][]string{
	{"type"}, {"tags", "list", "element"}, {"uuid"}, {"metadata", "key_value", "key"}, {"metadata", "key_value", "value"}, {"data"},
}

// appendRow appends the values of an event in the order of the columns. The row refers to the
// event.
func appendRow(r parquet.Row, e *dcb.SequencedEvent) parquet.Row {
	r = append(r, parquet.Int64Value(int64(e.Position)).Level(0, 0, position))
	if e.RecordedAt.IsZero() {
		r = appendNull(r, recordedAt)
	} else {
		r = appendOptional(r, parquet.Int64Value(e.RecordedAt.UnixMicro()), recordedAt)
	}
	r = append(r, text(e.Event.Type).Level(0, 0, eventType))
	r = appendRepeated(r, tag, e.Event.Tags, func(tag *string) string { return *tag })
	if e.Event.UUID == "" {
		r = appendNull(r, uuid)
	} else {
		r = appendOptional(r, text(e.Event.UUID), uuid)
	}
	r = appendRepeated(r, metadataKey, e.Event.Metadata, func(m *dcb.Metadata) string { return m.Key })
	r = appendRepeated(r, metadataValue, e.Event.Metadata, func(m *dcb.Metadata) string { return m.Value })
	r = append(r, parquet.ByteArrayValue(e.Event.Data).Level(0, 0, data))
	if e.Tracking == nil {
		return appendNull(appendNull(r, trackingSource), trackingPosition)
	}
	r = appendOptional(r, text(e.Tracking.Source), trackingSource)
	return appendOptional(r, parquet.Int64Value(int64(e.Tracking.Position)), trackingPosition)
}

func text(s string) parquet.Value { return parquet.ValueOf(s) }

func appendNull(r parquet.Row, column int) parquet.Row {
	return append(r, parquet.NullValue().Level(0, 0, column))
}

func appendOptional(r parquet.Row, value parquet.Value, column int) parquet.Row {
	return append(r, value.Level(0, 1, column))
}

// appendRepeated appends the texts of a list, of which there may be none.
func appendRepeated[E any](r parquet.Row, column int, elements []E, of func(*E) string) parquet.Row {
	if len(elements) == 0 {
		return appendNull(r, column)
	}
	for i := range elements {
		r = append(r, text(of(&elements[i])).Level(min(i, 1), 1, column))
	}
	return r
}

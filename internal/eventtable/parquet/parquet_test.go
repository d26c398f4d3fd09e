package parquet_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	library "github.com/parquet-go/parquet-go"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventtable/parquet"
)

// read is a row as the library reads it.
type read struct {
	Position         int64             `parquet:"position"`
	RecordedAt       *time.Time        `parquet:"recorded_at,optional,timestamp(microsecond)"`
	Type             string            `parquet:"type"`
	Tags             []string          `parquet:"tags,list"`
	UUID             *string           `parquet:"uuid,optional"`
	Metadata         map[string]string `parquet:"metadata"`
	Data             []byte            `parquet:"data"`
	TrackingSource   *string           `parquet:"tracking_source,optional"`
	TrackingPosition *uint64           `parquet:"tracking_position,optional"`
}

func TestRows(t *testing.T) {
	at := time.Date(2026, 11, 26, 14, 0, 0, 123456789, time.UTC)
	file := written(t,
		dcb.SequencedEvent{Position: 1},
		dcb.SequencedEvent{Position: math.MaxInt64, RecordedAt: at, Event: dcb.Event{
			Type: "T", Tags: []string{"a", "", "a"}, UUID: "8c9b1f64-6d0a-4c57-9d0e-5b1c64a1f7d2",
			Metadata: []dcb.Metadata{{Key: "z", Value: "1"}, {Key: "", Value: ""}}, Data: []byte{0, 0xff},
		}, Tracking: &dcb.TrackingInfo{Source: "", Position: math.MaxUint64}},
	)
	micros := at.Truncate(time.Microsecond)
	want := []read{
		{Position: 1, Tags: []string{}, Metadata: map[string]string{}, Data: []byte{}},
		{math.MaxInt64, &micros, "T", []string{"a", "", "a"}, new("8c9b1f64-6d0a-4c57-9d0e-5b1c64a1f7d2"),
			map[string]string{"z": "1", "": ""}, []byte{0, 0xff}, new(""), new(uint64(math.MaxUint64))},
	}
	got, err := library.Read[read](bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("rows are\n%+v\nwant\n%+v", got, want)
	}
}

func TestMetadataKeepsItsOrder(t *testing.T) {
	e := dcb.SequencedEvent{Position: 1}
	for i := range 20 {
		e.Event.Metadata = append(e.Event.Metadata, dcb.Metadata{Key: fmt.Sprint("k", 37*i%20), Value: fmt.Sprint(i)})
	}
	file := open(t, written(t, e))
	row := make([]library.Row, 1)
	if n, err := file.RowGroups()[0].Rows().ReadRows(row); n != 1 || err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(n, err)
	}
	keys, ok := file.Schema().Lookup("metadata", "key_value", "key")
	if !ok {
		t.Fatal("there is no column with the keys of metadata")
	}
	var got []string
	for _, value := range row[0] {
		if value.Column() == keys.ColumnIndex {
			got = append(got, value.String())
		}
	}
	var want []string
	for _, m := range e.Event.Metadata {
		want = append(want, m.Key)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("keys are %q, want %q", got, want)
	}
}

func TestRowGroupsAreBounded(t *testing.T) {
	small := make([]dcb.SequencedEvent, 300_000)
	for i := range small {
		small[i] = dcb.SequencedEvent{Position: uint64(i) + 1}
	}
	large := make([]dcb.SequencedEvent, 9)
	for i := range large {
		large[i] = dcb.SequencedEvent{Position: uint64(i) + 1, Event: dcb.Event{Data: make([]byte, 16<<20)}}
	}
	for _, c := range []struct {
		name   string
		events []dcb.SequencedEvent
		want   []int64
	}{
		{"none", nil, nil},
		{"by rows", small, []int64{128 << 10, 128 << 10, 300_000 - 256<<10}},
		{"by bytes", large, []int64{2, 2, 2, 2, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []int64
			for _, group := range open(t, written(t, c.events...)).RowGroups() {
				got = append(got, group.NumRows())
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("row groups have %d rows, want %d", got, c.want)
			}
		})
	}
}

// The data cannot be compressed, and is larger than the memory that a file may need.
func TestMemoryIsBounded(t *testing.T) {
	w, err := parquet.New(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	before, random := memory(), rand.NewChaCha8([32]byte{1})
	for i := range uint64(12_000) {
		data := make([]byte, 16<<10)
		random.Read(data)
		if err := w.Write(&dcb.SequencedEvent{Position: i + 1, Event: dcb.Event{Data: data}}); err != nil {
			t.Fatal(err)
		}
		if i%1000 != 0 {
			continue
		}
		if used := memory() - before; used > 120<<20 {
			t.Fatalf("after %d MiB of data, %d MiB of memory are used", i*16>>10, used>>20)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// memory returns the size of the objects that are in use, in bytes.
func memory() int64 {
	runtime.GC()
	runtime.GC() // the first one keeps what is in pools
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// The footer has the smallest and the largest values of columns.
func TestFooterHasBoundsOfPositionsAndTimesOnly(t *testing.T) {
	large, at := strings.Repeat("x", 60_000), time.Unix(1e9, 0)
	file := written(t, dcb.SequencedEvent{Position: 7, RecordedAt: at, Event: dcb.Event{
		Type: large, Tags: []string{large}, UUID: large, Metadata: []dcb.Metadata{{Key: large, Value: large}}, Data: []byte(large),
	}})
	if size := binary.LittleEndian.Uint32(file[len(file)-8:]); size > 10_000 {
		t.Errorf("the footer has %d bytes", size)
	}
	for i, want := range []int64{7, at.UnixMicro()} {
		chunk := open(t, file).RowGroups()[0].ColumnChunks()[i].(*library.FileColumnChunk)
		if low, high, ok := chunk.Bounds(); !ok || low.Int64() != want || high.Int64() != want {
			t.Errorf("the bounds of column %d are %v and %v (%v), want %d", i, low, high, ok, want)
		}
	}
}

func TestPositionsMustFit(t *testing.T) {
	w, err := parquet.New(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(&dcb.SequencedEvent{Position: math.MaxInt64 + 1}); err == nil {
		t.Error("a position above the largest signed integer is written")
	}
}

func TestErrorsOfTheOutputAreReported(t *testing.T) {
	w, err := parquet.New(full{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(&dcb.SequencedEvent{Position: 1}), w.Close()); !errors.Is(err, errFull) {
		t.Errorf("the writer returns %v", err)
	}
}

// written returns a file with the events.
func written(t *testing.T, events ...dcb.SequencedEvent) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := parquet.New(&out)
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		if err := w.Write(&events[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func open(t *testing.T, file []byte) *library.File {
	t.Helper()
	opened, err := library.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

var errFull = errors.New("no space left")

// full is an output without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

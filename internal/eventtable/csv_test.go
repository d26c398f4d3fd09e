package eventtable_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventtable"
)

func TestCSV(t *testing.T) {
	var out bytes.Buffer
	w, err := eventtable.NewCSV(&out)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 26, 14, 0, 0, 1999, time.FixedZone("", 3600))
	for _, e := range []dcb.SequencedEvent{
		{Position: 1},
		{Position: 1<<64 - 1, RecordedAt: at, Event: dcb.Event{
			Type: "NA", Tags: []string{"a", "", `"q",`, "a"}, UUID: "8c9b1f64-6d0a-4c57-9d0e-5b1c64a1f7d2",
			Metadata: []dcb.Metadata{{Key: "z", Value: "1"}, {Key: "a", Value: "\n"}},
			Data:     []byte("\"x\",\r\ny\rü"),
		}, Tracking: &dcb.TrackingInfo{Source: `a "b"`, Position: 1<<64 - 1}},
		{Position: 3, Event: dcb.Event{Data: []byte{0xff, 0xfe}}},
		{Position: 4, Event: dcb.Event{Data: []byte("a\x00b")}, Tracking: &dcb.TrackingInfo{}},
	} {
		if err := w.Write(&e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want := `position,recorded_at,type,tags,uuid,metadata,data,data_encoding,tracking_source,tracking_position
1,,"","[]",,"{}","","text",,
18446744073709551615,2026-11-26T13:00:00.000001Z,"NA","[""a"","""",""\""q\"","",""a""]","8c9b1f64-6d0a-4c57-9d0e-5b1c64a1f7d2",` +
		`"{""z"":""1"",""a"":""\n""}","""x"",` + "\r\ny\r" + `ü","text","a ""b""",18446744073709551615
3,,"","[]",,"{}","//4=","base64",,
4,,"","[]",,"{}","YQBi","base64","",0
`
	if out.String() != want {
		t.Errorf("CSV is\n%s\nwant\n%s", &out, want)
	}
}

func TestCSVReportsErrorsOfTheOutput(t *testing.T) {
	if _, err := eventtable.NewCSV(full{}); !errors.Is(err, errFull) {
		t.Errorf("NewCSV returns %v", err)
	}
}

var errFull = errors.New("no space left")

// full is an output without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

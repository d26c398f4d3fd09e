package ndjson

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/dcb"
)

// Parsing the line of an event returns the same event.
func TestEventLineRoundTrip(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.RuneFrom([]rune("\x00\x1b\u2028\"\\\n\U0001f600{}")), 0, 8, -1))
	rapid.Check(t, func(t *rapid.T) {
		want := dcb.SequencedEvent{
			Position:   rapid.Uint64Min(1).Draw(t, "position"),
			RecordedAt: time.Unix(0, rapid.Int64Min(1).Draw(t, "time")).UTC(),
			Event: dcb.Event{
				Type: text.Draw(t, "type"),
				Tags: rapid.SliceOfN(text, 1, 3).Draw(t, "tags"),
				UUID: "6f1ed002-ab5c-4b5f-8d3a-0c7c1f2e9b41",
				Data: rapid.OneOf(
					rapid.SliceOfN(rapid.Byte(), 1, 20),
					rapid.Map(text, func(s string) []byte { return []byte(s + " ") }),
					rapid.Map(text, func(s string) []byte { return append(appendString([]byte(`{"a" : `), s), " }"...) }),
					rapid.SampledFrom([][]byte{[]byte(`[1e400, {"b":12345678901234567890}]`), []byte(`{"a":1,"a":2}`), []byte("{\n}"), []byte("{}"), []byte(`{"\ud800":1}`), []byte("null"), []byte(`"x"`), []byte(" {}")}),
				).Draw(t, "data"),
			},
			Tracking: &dcb.TrackingInfo{Source: text.Draw(t, "source"), Position: rapid.Uint64().Draw(t, "upstream")},
		}
		for _, key := range rapid.SliceOfNDistinct(text, 1, 3, rapid.ID).Draw(t, "keys") {
			want.Event.Metadata = append(want.Event.Metadata, dcb.Metadata{Key: key, Value: text.Draw(t, "value")})
		}
		encoded := AppendEvent(nil, &want)
		if bytes.Count(encoded, []byte("\n")) != 1 || encoded[len(encoded)-1] != '\n' {
			t.Fatalf("not one line: %q", encoded)
		}
		l, err := parseLine(encoded)
		if err != nil {
			t.Fatalf("%v in %q", err, encoded)
		}
		event, err := l.event()
		if err != nil {
			t.Fatalf("%v in %q", err, encoded)
		}
		got := dcb.SequencedEvent{Position: *l.Position, Event: event, Tracking: l.trackingInfo(), RecordedAt: l.RecordedAt.Time}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, want %+v, line %q", got, want, encoded)
		}
	})
}

func TestEncodingOfData(t *testing.T) {
	for data, want := range map[string]string{
		`{"a": 1}`:       `,"data":{"a": 1}`,
		`[1,2]`:          `,"data":[1,2]`,
		"text \"x\"":     `,"data":"text \"x\""`,
		"5":              `,"data":"5"`,
		"{\n}":           `,"data":"{\n}"`,
		`{"a":1,}`:       `,"data":"{\"a\":1,}"`,
		"\xff\x00":       `,"data_base64":"/wA="`,
		"\u009b\x7f":     `,"data":"\u009b\u007f"`,
		"{\"\u202e\":1}": `,"data":"{\"\u202e\":1}"`,
		"\U000e0001":     `,"data":"\udb40\udc01"`,
		"":               ``,
	} {
		if got := string(appendData(nil, []byte(data))); got != want {
			t.Errorf("%q is encoded as %s, want %s", data, got, want)
		}
	}
	if got := string(appendTracking(nil, &dcb.TrackingInfo{Source: "web", Position: 3})); got != `{"tracking":{"source":"web","position":3}}`+"\n" {
		t.Error(got)
	}
	event := dcb.SequencedEvent{Position: 1, RecordedAt: time.Date(2026, 11, 26, 15, 0, 0, 1000, time.FixedZone("", 3600))}
	if got := string(AppendEvent(nil, &event)); got != `{"position":1,"recorded_at":"2026-11-26T14:00:00.000001Z","type":""}`+"\n" {
		t.Error(got)
	}
	if got := string(appendEnd(nil, 12, 0x1a2b3)); got != `{"end":{"head":12,"crc32c":"0001a2b3"}}`+"\n" {
		t.Error(got)
	}
}

func TestDeeplyNestedDataIsAString(t *testing.T) {
	for _, depth := range []int{maxJSONDepth - 1, maxJSONDepth} {
		data := strings.Repeat("[", depth) + strings.Repeat("]", depth)
		e := dcb.SequencedEvent{Position: 1, Event: dcb.Event{Data: []byte(data)}}
		l, err := parseLine(AppendEvent(nil, &e))
		if err != nil {
			t.Fatalf("depth %d: %v", depth, err)
		}
		if got, err := l.data(); err != nil || string(got) != data {
			t.Errorf("depth %d: the data differs (%v)", depth, err)
		}
	}
}

func TestParsingOfData(t *testing.T) {
	for text, want := range map[string]string{
		`{"type":"A"}`:                             "",
		`{"type":"A","data":null}`:                 "",
		`{"type":"A","metadata":null,"tags":null}`: "",
		`{"type":"A","data":"x\u0041"}`:            "xA",
		`{"type":"A","data": {"a" : [ ] }  }`:      `{"a" : [ ] }`,
		`{"type":"A","data":12.50}`:                "12.50",
		`{"type":"A","data":true}`:                 "true",
		` {"data_base64":"AAE="} `:                 "\x00\x01",
		"{\"type\":\"A\",\t\"data\":\"\u2028\"}\n": "\u2028",
	} {
		l, err := parseLine([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if data, err := l.data(); err != nil || string(data) != want {
			t.Errorf("%s: data %q (%v), want %q", text, data, err, want)
		}
	}
}

func TestParsingOfTimes(t *testing.T) {
	for text, want := range map[string]string{
		`{"type":"A","recorded_at":null}`:                             "0001-01-01T00:00:00Z",
		`{"type":"A"}`:                                                "0001-01-01T00:00:00Z",
		`{"type":"A","recorded_at":"2026-11-26T14:00:00Z"}`:           "2026-11-26T14:00:00Z",
		`{"type":"A","recorded_at":"2026-11-26T15:30:00.5+01:30"}`:    "2026-11-26T14:00:00.5Z",
		`{"type":"A","recorded_at":"2026-11-26T14:00:00.123456789Z"}`: "2026-11-26T14:00:00.123456789Z",
	} {
		l, err := parseLine([]byte(text))
		if err != nil || l.RecordedAt.Format(time.RFC3339Nano) != want {
			t.Errorf("%s: %v (%v), want %s", text, l, err, want)
		}
	}
}

func TestInvalidLines(t *testing.T) {
	for text, want := range map[string]string{
		`{"type":"A"`:                       "invalid JSON at byte 11",
		`hello`:                             "invalid JSON",
		``:                                  "invalid JSON",
		`[]`:                                "it must not be a list",
		`5`:                                 "it must not be a number",
		`{"tag":["x"]}`:                     "unknown field /tag; the fields are position, recorded_at, type, tags, uuid, metadata, tracking, data, data_base64, end",
		`{"Type":"A"}`:                      "/Type",
		`{"a\nb":1}`:                        `unknown field "/a\nb"; the fields are`,
		`{"type":"A","type":"B"}`:           "duplicate",
		`{"type":5}`:                        "/type must not be a number",
		`{"type":"` + "\xff" + `"}`:         "UTF-8",
		`{"type":"\ud800"}`:                 "surrogate",
		`{"position":-1}`:                   "/position must be a whole number from 0 to",
		`{"position":1.5}`:                  "/position must be a whole number from 0 to",
		`{"position":18446744073709551616}`: "/position must be a whole number from 0 to",
		`{"tags":[null]}`:                   "/tags must be a list of strings",
		`{"tags":["a",["b"]]}`:              "/tags must be a list of strings",
		`{"tags":"a"}`:                      "/tags must be a list of strings",
		`{"tags":["a`:                       "invalid JSON",
		`{"metadata":{"a":1}}`:              "/metadata/a must be a string",
		`{"metadata":{"a":null}}`:           "/metadata/a must be a string",
		`{"metadata":["a"]}`:                "/metadata must be an object of strings",
		`{"tracking":{"position":1}}`:       "tracking must have a source and a position",
		`{"tracking":{"source":"a"}}`:       "tracking must have a source and a position",
		`{"tracking":{"sorce":"a","position":1}}`: "unknown field /tracking/sorce; the fields are source, position",
		`{"data":"a","data_base64":"AA"}`:         "both",
		`{"recorded_at":"2026-11-26"}`:            "/recorded_at must be a time such as 2026-11-26T14:00:00Z",
		`{"recorded_at":"2026-11-26T14:00:00"}`:   "/recorded_at must be a time such as",
		`{"recorded_at":"2026-02-30T14:00:00Z"}`:  "/recorded_at must be a time such as",
		`{"recorded_at":1764165600}`:              "/recorded_at must be a time such as",
		`{"recorded_at":"1969-12-31T23:59:59Z"}`:  "/recorded_at must be between 1970 and 2262",
		`{"recorded_at":"1970-01-01T00:00:00Z"}`:  "/recorded_at must be between 1970 and 2262",
		`{"recorded_at":"2300-01-01T00:00:00Z"}`:  "/recorded_at must be between 1970 and 2262",
		`{"type":"A"} {}`:                         "invalid JSON",
	} {
		_, err := parseLine([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
	}
	l, err := parseLine([]byte(`{"data_base64":"?"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.event(); err == nil || !strings.Contains(err.Error(), "base64") {
		t.Error(err)
	}
}

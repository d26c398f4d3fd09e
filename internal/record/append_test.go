package record_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// fullAppend returns a request with every field.
func fullAppend() *umadbv1.AppendRequest {
	return &umadbv1.AppendRequest{
		Events: []*umadbv1.Event{fullEvent(), {}, {EventType: "t"}},
		Condition: &umadbv1.AppendCondition{
			FailIfEventsMatch: &umadbv1.Query{Items: []*umadbv1.QueryItem{{Types: []string{"t", ""}, Tags: []string{"a"}}, {}}},
			After:             proto.Uint64(1 << 40),
		},
		TrackingInfo: &umadbv1.TrackingInfo{Source: "upstream", Position: 1<<64 - 1},
	}
}

func TestAppendIsEncodedLikeGeneratedCode(t *testing.T) {
	for _, message := range []*umadbv1.AppendRequest{
		fullAppend(),
		{},
		{Events: []*umadbv1.Event{{}}},
		{Condition: &umadbv1.AppendCondition{FailIfEventsMatch: &umadbv1.Query{}}, TrackingInfo: &umadbv1.TrackingInfo{}},
	} {
		var events []dcb.Event
		for _, event := range message.Events {
			events = append(events, toEvent(event))
		}
		got := record.EncodeAppend(events, toCondition(message.Condition), toTracking(message.TrackingInfo))
		if want := marshal(t, message); !bytes.Equal(got, want) {
			t.Errorf("%v is encoded as\n%x, want\n%x", message, got, want)
		}
	}
}

// The encoding is part of the file format and must not change.
func TestEncodingOfEventIsFixed(t *testing.T) {
	got := record.AppendEvent(nil, &dcb.Event{
		Type:     "T",
		Tags:     []string{"a", ""},
		Data:     []byte{1, 2},
		UUID:     someUUID,
		Metadata: []dcb.Metadata{{Key: "k", Value: "v"}, {Key: "e"}},
	})
	want := "\x0a\x01T" + "\x12\x01a" + "\x12\x00" + "\x1a\x02\x01\x02" + "\x22\x24" + someUUID + "\x2a\x06\x0a\x01k\x12\x01v" + "\x2a\x03\x0a\x01e"
	if string(got) != want {
		t.Errorf("an event is %q, want %q", got, want)
	}
}

func TestCanonicalAppendIsNotCopied(t *testing.T) {
	request := marshal(t, fullAppend())
	parsed, err := record.ParseAppend(request, limits)
	if err != nil {
		t.Fatal(err)
	}
	if &parsed.Events[0] != &request[0] || parsed.Count != 3 {
		t.Errorf("%d events do not alias the request", parsed.Count)
	}
	if want := toCondition(fullAppend().Condition); !reflect.DeepEqual(parsed.Condition, want) {
		t.Errorf("the condition is %v, want %v", parsed.Condition, want)
	}
	if want := toTracking(fullAppend().TrackingInfo); !reflect.DeepEqual(parsed.Tracking, want) {
		t.Errorf("the tracking is %v, want %v", parsed.Tracking, want)
	}
	// The events may also follow the other fields.
	rest := marshal(t, &umadbv1.AppendRequest{Condition: fullAppend().Condition})
	request = append(rest, marshal(t, &umadbv1.AppendRequest{Events: fullAppend().Events})...)
	if parsed, err = record.ParseAppend(request, limits); err != nil || &parsed.Events[0] != &request[len(rest)] {
		t.Errorf("the events after a condition do not alias the request: %v", err)
	}
}

// field returns a length-delimited field with its tag and length.
func field(number protowire.Number, content string) string {
	return string(protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), content))
}

func TestEventsAreMadeCanonical(t *testing.T) {
	want := field(1, "T") + field(2, "a") + field(2, "b") + field(3, "d") + field(4, someUUID) + field(5, field(1, "k")+field(2, "v"))
	for name, event := range map[string]string{
		"another order":             field(3, "d") + field(2, "a") + field(4, someUUID) + field(5, field(1, "k")+field(2, "v")) + field(2, "b") + field(1, "T"),
		"an unknown field":          want + field(9, "?"),
		"an unknown number":         "\x48\x07" + want,
		"an unknown group":          want + "\x4b\x08\x01\x4c",
		"a field of another type":   want + "\x08\x07",
		"a field twice":             field(1, "not this") + want,
		"an empty field":            field(3, "") + want,
		"a long tag":                "\x8a\x00\x01T" + want[3:],
		"a long length":             "\x0a\x81\x00T" + want[3:],
		"upper case":                strings.Replace(want, someUUID, strings.ToUpper(someUUID), 1),
		"metadata in another order": strings.Replace(want, field(1, "k")+field(2, "v"), field(2, "v")+field(1, "k"), 1),
		"metadata twice":            field(1, "T") + field(2, "a") + field(2, "b") + field(3, "d") + field(4, someUUID) + field(5, field(1, "x")+field(1, "k")+field(2, "v")),
		"a short UUID":              strings.Replace(want, field(4, someUUID), field(4, strings.ReplaceAll(someUUID, "-", "")), 1),
		"canonical already":         want,
	} {
		// Between two canonical events, so that the aliased events are interrupted.
		request := field(1, want) + field(1, event) + field(1, want)
		parsed, err := record.ParseAppend([]byte(request), limits)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if string(parsed.Events) != field(1, want)+field(1, want)+field(1, want) || parsed.Count != 3 {
			t.Errorf("%s: %q", name, parsed.Events)
		}
	}
}

func TestEventsNeedNotBeContiguous(t *testing.T) {
	event := field(1, field(1, "T"))
	for name, request := range map[string]string{
		"by an unknown field": event + field(9, "?") + event,
		"by a condition":      event + field(2, "") + event,
		"by a long length":    event + "\x0a\x83\x00" + field(1, "T"),
	} {
		parsed, err := record.ParseAppend([]byte(request), limits)
		if err != nil || string(parsed.Events) != event+event || parsed.Count != 2 {
			t.Errorf("%s: %q, %v", name, parsed.Events, err)
		}
	}
}

func TestRepeatedSingularFieldsAreMerged(t *testing.T) {
	first := &umadbv1.AppendRequest{
		Condition:    &umadbv1.AppendCondition{FailIfEventsMatch: &umadbv1.Query{Items: []*umadbv1.QueryItem{{Types: []string{"a"}}}}},
		TrackingInfo: &umadbv1.TrackingInfo{Source: "s"},
	}
	second := &umadbv1.AppendRequest{
		Condition: &umadbv1.AppendCondition{
			FailIfEventsMatch: &umadbv1.Query{Items: []*umadbv1.QueryItem{{Types: []string{"b"}}}},
			After:             proto.Uint64(3),
		},
		TrackingInfo: &umadbv1.TrackingInfo{Position: 9},
	}
	parsed, err := record.ParseAppend(append(marshal(t, first), marshal(t, second)...), limits)
	if err != nil {
		t.Fatal(err)
	}
	proto.Merge(first, second)
	if !reflect.DeepEqual(parsed.Condition, toCondition(first.Condition)) || !reflect.DeepEqual(parsed.Tracking, toTracking(first.TrackingInfo)) {
		t.Errorf("%v and %v, want %v", parsed.Condition, parsed.Tracking, first)
	}
}

func TestAppendOverLimitsIsInvalid(t *testing.T) {
	small := dcb.Limits{EventBytes: 100, RequestBytes: 1000, RequestEvents: 3, EventTags: 2, QueryTerms: 3}.WithDefaults()
	type request = *umadbv1.AppendRequest
	events := func(events ...*umadbv1.Event) request { return &umadbv1.AppendRequest{Events: events} }
	entry := func(key, value string) *umadbv1.MetadataEntry { return &umadbv1.MetadataEntry{Key: key, Value: value} }
	query := func(items ...*umadbv1.QueryItem) request {
		return &umadbv1.AppendRequest{Condition: &umadbv1.AppendCondition{FailIfEventsMatch: &umadbv1.Query{Items: items}}}
	}
	for name, row := range map[string]struct {
		message request
		limits  *dcb.Limits
		want    []string // substrings of the error
	}{
		"request size":   {events(&umadbv1.Event{Data: make([]byte, 1000)}), &small, []string{"1000"}},
		"event size":     {events(&umadbv1.Event{}, &umadbv1.Event{Data: make([]byte, 99)}), &small, []string{"event 2", "101", "100"}},
		"events":         {events(&umadbv1.Event{}, &umadbv1.Event{}, &umadbv1.Event{}, &umadbv1.Event{}), &small, []string{"3"}},
		"tags":           {events(&umadbv1.Event{Tags: []string{"", "", ""}}), &small, []string{"event 1", "2"}},
		"terms":          {query(&umadbv1.QueryItem{Types: []string{"a", "b"}}, &umadbv1.QueryItem{Tags: []string{"c", "d"}}), &small, []string{"3"}},
		"items":          {query(&umadbv1.QueryItem{}, &umadbv1.QueryItem{}, &umadbv1.QueryItem{}, &umadbv1.QueryItem{}), &small, []string{"3"}},
		"no UUID":        {events(&umadbv1.Event{Uuid: "nonsense"}), limits, []string{"event 1", `"nonsense"`}},
		"metadata twice": {events(&umadbv1.Event{Metadata: []*umadbv1.MetadataEntry{entry("k", "1"), entry("k", "2")}}), limits, []string{`"k"`, "twice"}},
		"no key, twice":  {events(&umadbv1.Event{Metadata: []*umadbv1.MetadataEntry{entry("", "1"), entry("", "2")}}), limits, []string{"twice"}},
		"a long key":     {events(&umadbv1.Event{Metadata: []*umadbv1.MetadataEntry{entry(strings.Repeat("k", 65536), "")}}), limits, []string{"65536", "65535"}},
		"a long value":   {events(&umadbv1.Event{Metadata: []*umadbv1.MetadataEntry{entry("", strings.Repeat("k", 65536))}}), limits, []string{"65536", "65535"}},
		"a long source":  {&umadbv1.AppendRequest{TrackingInfo: &umadbv1.TrackingInfo{Source: strings.Repeat("s", 256)}}, limits, []string{"256", "255"}},
	} {
		_, err := record.ParseAppend(marshal(t, row.message), row.limits)
		if !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, text := range row.want {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %q does not contain %q", name, err, text)
			}
		}
	}
}

func TestAppendAtLimitsIsValid(t *testing.T) {
	message := &umadbv1.AppendRequest{
		Events: []*umadbv1.Event{{
			Tags:     []string{"a", "b"},
			Metadata: []*umadbv1.MetadataEntry{{Key: strings.Repeat("k", 65535), Value: strings.Repeat("v", 65535)}},
		}},
		Condition:    &umadbv1.AppendCondition{FailIfEventsMatch: &umadbv1.Query{Items: []*umadbv1.QueryItem{{Types: []string{"a", "b", "c"}}}}},
		TrackingInfo: &umadbv1.TrackingInfo{Source: strings.Repeat("s", 255)},
	}
	request := marshal(t, message)
	exact := dcb.Limits{EventBytes: proto.Size(message.Events[0]), RequestBytes: len(request), RequestEvents: 1, EventTags: 2, QueryTerms: 3}.WithDefaults()
	if _, err := record.ParseAppend(request, &exact); err != nil {
		t.Error(err)
	}
}

func TestInvalidUTF8IsInvalid(t *testing.T) {
	const bad = "\xff\xfe"
	for name, request := range map[string]string{
		"type":              field(1, field(1, bad)),
		"tag":               field(1, field(2, "ok")+field(2, bad)),
		"UUID":              field(1, field(4, bad)),
		"metadata key":      field(1, field(5, field(1, bad))),
		"metadata value":    field(1, field(5, field(2, bad))),
		"metadata replaced": field(1, field(5, field(1, bad)+field(1, "k"))),
		"source replaced":   field(3, field(1, bad)+field(1, "s")),
		"query type":        field(2, field(1, field(1, field(1, bad)))),
		"query tag":         field(2, field(1, field(1, field(2, bad)))),
		"source":            field(3, field(1, bad)),
	} {
		if _, err := record.ParseAppend([]byte(request), limits); !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := record.ParseAppend([]byte(field(1, field(3, bad))), limits); err != nil {
		t.Errorf("data that is not UTF-8: %v", err)
	}
}

func TestMalformedAppendIsInvalid(t *testing.T) {
	whole := marshal(t, fullAppend())
	for end := 1; end < len(whole); end++ {
		if _, err := record.ParseAppend(whole[:end], limits); err != nil && !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("the first %d bytes: %v", end, err)
		}
	}
	for name, request := range map[string]string{
		"a truncated tag":         "\x8a",
		"a field number too high": "\xf0\xf0\xf0\xf0\x30\x30",
		"field 0":                 "\x02\x00",
		"an end of a group":       "\x4c",
		"an unfinished group":     "\x4b",
		"a length too high":       "\x0a\x05x",
		"a length of 64 bits":     "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"in an event":             field(1, "\x0a\x05x"),
		"in metadata":             field(1, field(5, "\x0a\x05x")),
		"in a condition":          field(2, "\x0a\x05x"),
		"in a query":              field(2, field(1, "\x0a\x05x")),
		"in an item":              field(2, field(1, field(1, "\x0a\x05x"))),
		"in tracking":             field(3, "\x0a\x05x"),
	} {
		if _, err := record.ParseAppend([]byte(request), limits); !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNewAppendValidates(t *testing.T) {
	events := []dcb.Event{{Type: "t", UUID: "{" + strings.ToUpper(someUUID) + "}"}}
	parsed, err := record.NewAppend(events, &dcb.AppendCondition{After: 4}, &dcb.TrackingInfo{Source: "s"}, limits)
	if err != nil || parsed.Count != 1 || parsed.Condition.After != 4 || parsed.Tracking.Source != "s" {
		t.Fatalf("%v, %v", parsed, err)
	}
	for event := range parsed.All() {
		if string(event.UUID()) != someUUID {
			t.Errorf("the UUID is %q", event.UUID())
		}
	}
	if _, err := record.NewAppend([]dcb.Event{{Type: "\xff"}}, nil, nil, limits); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("not UTF-8: %v", err)
	}
}

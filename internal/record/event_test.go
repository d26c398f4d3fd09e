package record_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

func TestEventReturnsTypeTagsAndUUID(t *testing.T) {
	for _, message := range []*umadbv1.Event{
		fullEvent(),
		{},
		{EventType: "t"},
		{Tags: []string{"", "a"}},
		{Data: []byte("d"), Metadata: []*umadbv1.MetadataEntry{{Key: "k"}}},
		{Uuid: someUUID},
		{Tags: []string{strings.Repeat("long", 1000)}, Uuid: someUUID},
	} {
		event := record.Event(marshal(t, message))
		eventType, tags := event.Type()
		var got []string
		for tag, ok := tags.Next(); ok; tag, ok = tags.Next() {
			got = append(got, tag)
		}
		if eventType != message.EventType || !reflect.DeepEqual(got, message.Tags) || string(event.UUID()) != message.Uuid {
			t.Errorf("%v has type %q, tags %q, UUID %q", message, eventType, got, event.UUID())
		}
	}
}

func TestEventIsDecodedAsItWasEncoded(t *testing.T) {
	for _, event := range []dcb.Event{
		toEvent(fullEvent()),
		{},
		{Tags: []string{"", ""}, Data: []byte("x")},
		{Metadata: []dcb.Metadata{{}}},
	} {
		decoded, err := record.DecodeEvent(record.AppendEvent(nil, &event))
		if err != nil || !reflect.DeepEqual(decoded, event) {
			t.Errorf("%v is decoded as %v, %v", event, decoded, err)
		}
	}
}

func TestUUIDFormsAreNormalised(t *testing.T) {
	bare := strings.ReplaceAll(someUUID, "-", "")
	for _, form := range []string{
		someUUID, strings.ToUpper(someUUID), bare, strings.ToUpper(bare),
		"urn:uuid:" + someUUID, "URN:UUID:" + strings.ToUpper(someUUID), "{" + someUUID + "}",
	} {
		parsed, err := record.NewAppend([]dcb.Event{{UUID: form}}, nil, nil, limits)
		if err != nil {
			t.Errorf("%q: %v", form, err)
			continue
		}
		for event := range parsed.All() {
			if string(event.UUID()) != someUUID {
				t.Errorf("%q became %q", form, event.UUID())
			}
		}
	}
	for _, form := range []string{
		"x", bare[1:], bare + "0", someUUID[1:], someUUID + "0", "(" + someUUID + ")", "{" + someUUID, someUUID + "}}",
		"urn:uuid:" + bare, "urn:uid:x" + someUUID, strings.Replace(someUUID, "-", "0", 1), strings.Replace(someUUID, "0", "g", 1),
		strings.Replace(someUUID, "-", "_", 4), " " + someUUID, someUUID + "\n",
	} {
		if _, err := record.NewAppend([]dcb.Event{{UUID: form}}, nil, nil, limits); err == nil {
			t.Errorf("%q is accepted", form)
		}
	}
}

package codec_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/codec"
	"github.com/umadb-go/umadb/dcb"
)

type studentJoined struct{ Course, Student string }

type yearEnded int

var types = []codec.Type{
	codec.Of("StudentJoined", func(e studentJoined) []string {
		return []string{"course:" + e.Course, "student:" + e.Student}
	}),
	codec.Of[yearEnded]("YearEnded", nil),
}

// binary is the format of package encoding/gob.
type binary struct{}

func (binary) Marshal(value any) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(value)
	return b.Bytes(), err
}

func (binary) Unmarshal(data []byte, pointer any) error {
	return gob.NewDecoder(bytes.NewReader(data)).Decode(pointer)
}

func TestValuesComeBack(t *testing.T) {
	for _, c := range []*codec.Codec{codec.New(types...), codec.NewWithFormat(binary{}, types...)} {
		events, err := c.Encode(studentJoined{"1", "ann"}, yearEnded(1999))
		if err != nil {
			t.Fatal(err)
		}
		var got []any
		for _, event := range events {
			value, err := c.Decode(event)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, value)
		}
		if want := []any{studentJoined{"1", "ann"}, yearEnded(1999)}; !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func TestEncodedEvents(t *testing.T) {
	got, err := codec.New(types...).Encode(studentJoined{"1", "ann"}, yearEnded(1999))
	want := []dcb.Event{
		{Type: "StudentJoined", Tags: []string{"course:1", "student:ann"}, Data: []byte(`{"Course":"1","Student":"ann"}`)},
		{Type: "YearEnded", Data: []byte("1999")},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestCodecErrors(t *testing.T) {
	c := codec.New(types...)
	for _, value := range []any{&studentJoined{}, "text", nil} {
		if _, err := c.Encode(value); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("a %T has no event type", value)) {
			t.Errorf("error %v of a %T", err, value)
		}
	}
	if _, err := c.Decode(dcb.Event{Type: "Other"}); err == nil || !strings.Contains(err.Error(), `"Other" is unknown`) {
		t.Errorf("error %v", err)
	}
	_, err := c.Decode(dcb.Event{Type: "YearEnded", Data: []byte("MM")})
	if _, ok := errors.AsType[*json.SyntaxError](err); !ok || !strings.Contains(err.Error(), `"YearEnded"`) {
		t.Errorf("error %v", err)
	}
	unmarshalable := codec.New(codec.Of[chan int]("Channel", nil))
	if _, err := unmarshalable.Encode(make(chan int)); err == nil {
		t.Error("a channel was encoded")
	}
}

func TestTypesAreUnique(t *testing.T) {
	for name, added := range map[string]codec.Type{
		"name":    codec.Of[string]("YearEnded", nil),
		"Go type": codec.Of[yearEnded]("MillenniumEnded", nil),
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			codec.New(append(types, added)...)
		})
	}
}

// Package codec converts between events and the types of a program, such as
//
//	type StudentJoined struct{ Course, Student string }
//
// The types are registered once, each with the name of its event type and a function that
// returns the tags:
//
//	var events = codec.New(
//		codec.Of("StudentJoined", func(e StudentJoined) []string {
//			return []string{"course:" + e.Course, "student:" + e.Student}
//		}),
//	)
//
// The data of an event is JSON, or another format that a program implements. Events have no UUID
// and no metadata: set them in the result of Encode.
package codec

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/umadb-go/umadb/dcb"
)

// Format converts between values and the data of events.
type Format interface {
	// Marshal returns the data of a value.
	Marshal(value any) ([]byte, error)
	// Unmarshal sets the value that a pointer points to.
	Unmarshal(data []byte, pointer any) error
}

// JSON is the format of package encoding/json.
type JSON struct{}

// Marshal returns json.Marshal(value).
func (JSON) Marshal(value any) ([]byte, error) { return json.Marshal(value) }

// Unmarshal returns json.Unmarshal(data, pointer).
func (JSON) Unmarshal(data []byte, pointer any) error { return json.Unmarshal(data, pointer) }

// Type is a Go type with the event type that stands for it. Of returns one.
type Type struct {
	name   string
	goType reflect.Type
	tags   func(value any) []string
	decode func(Format, []byte) (any, error)
}

// Of returns the event type called name, whose data is a T. Its events have the tags that the
// function returns; tags may be nil.
func Of[T any](name string, tags func(T) []string) Type {
	return Type{
		name:   name,
		goType: reflect.TypeFor[T](),
		tags: func(value any) []string {
			if tags == nil {
				return nil
			}
			return tags(value.(T))
		},
		decode: func(format Format, data []byte) (any, error) {
			var value T
			err := format.Unmarshal(data, &value)
			return value, err
		},
	}
}

// Codec converts between events and values of its types.
type Codec struct {
	format Format
	byName map[string]Type
	byType map[reflect.Type]Type
}

// New returns a codec for types, in JSON.
func New(types ...Type) *Codec { return NewWithFormat(JSON{}, types...) }

// NewWithFormat returns a codec for types, in a format. It panics if two of the types have the
// same name or the same Go type.
func NewWithFormat(format Format, types ...Type) *Codec {
	c := &Codec{format, map[string]Type{}, map[reflect.Type]Type{}}
	for _, t := range types {
		c.byName[t.name], c.byType[t.goType] = t, t
	}
	if len(c.byName) != len(types) || len(c.byType) != len(types) {
		panic("codec: two types have the same name or the same Go type")
	}
	return c
}

// Encode returns events for values, in their order, for example as the result of a decision.
func (c *Codec) Encode(values ...any) ([]dcb.Event, error) {
	events := make([]dcb.Event, len(values))
	for i, value := range values {
		t, known := c.byType[reflect.TypeOf(value)]
		if !known {
			return nil, fmt.Errorf("codec: a %T has no event type", value)
		}
		data, err := c.format.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("codec: encoding a %T: %w", value, err)
		}
		events[i] = dcb.Event{Type: t.name, Tags: t.tags(value), Data: data}
	}
	return events, nil
}

// Decode returns the value in the data of an event, for a type switch. It fails if the type of
// the event is unknown.
func (c *Codec) Decode(event dcb.Event) (any, error) {
	t, known := c.byName[event.Type]
	if !known {
		return nil, fmt.Errorf("codec: the event type %q is unknown", event.Type)
	}
	value, err := t.decode(c.format, event.Data)
	if err != nil {
		return nil, fmt.Errorf("codec: decoding an event of type %q: %w", event.Type, err)
	}
	return value, nil
}

package server

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// numbers returns the numbers of the rejections that are kept.
func (r *rejections) numbers() (numbers []uint64) {
	for rejection := range r.newestFirst() {
		numbers = append(numbers, rejection.Number)
	}
	return numbers
}

func TestRejectionsAreKeptNewestFirst(t *testing.T) {
	r := newRejections()
	if got := r.numbers(); got != nil {
		t.Errorf("at the start: %v", got)
	}
	for range 3 {
		r.add(func() *Rejection { return new(Rejection) })
	}
	if got := r.numbers(); !slices.Equal(got, []uint64{3, 2, 1}) {
		t.Errorf("got %v", got)
	}
}

// Of a storm, a sample is kept, and all are counted. Those that are not kept are not described.
func TestRejectionsOfAStormAreSampled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejections()
		described := 0
		storm := func(n int) {
			for range n {
				r.add(func() *Rejection { described++; return new(Rejection) })
			}
		}
		storm(100_000)
		if described != maxRejections || r.total.Load() != 100_000 {
			t.Errorf("%d of %d are described, want %d of 100,000", described, r.total.Load(), maxRejections)
		}
		described = 0
		for range 60 {
			time.Sleep(time.Second)
			storm(1000)
		}
		if described != 60*rejectionsPerSecond {
			t.Errorf("%d are described in a minute, want %d", described, 60*rejectionsPerSecond)
		}
		numbers := r.numbers()
		if len(numbers) != maxRejections || !slices.IsSortedFunc(numbers, func(a, b uint64) int { return int(b) - int(a) }) {
			t.Errorf("%d are kept, with the numbers %v", len(numbers), numbers)
		}
		if last := r.total.Load(); numbers[0] <= last-1000 {
			t.Errorf("the newest has the number %d of %d: none of the last second is kept", numbers[0], last)
		}
	})
}

// An iteration does not return rejections that replaced others after it has started.
func TestRejectionsThatAreReplacedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejections()
		add := func() {
			time.Sleep(time.Second)
			r.add(func() *Rejection { return new(Rejection) })
		}
		for range maxRejections {
			add()
		}
		var got []uint64
		for rejection := range r.newestFirst() {
			got = append(got, rejection.Number)
			for range maxRejections / 2 {
				add()
			}
		}
		if !slices.Equal(got, []uint64{maxRejections, maxRejections - 1}) {
			t.Errorf("got %v", got)
		}
	})
}

// describe returns the rejection of an append.
func describe(t *testing.T, events []dcb.Event, condition *dcb.AppendCondition, tracking *dcb.TrackingInfo, failure error) *Rejection {
	t.Helper()
	limits := dcb.Limits{}.WithDefaults()
	request, err := record.NewAppend(events, condition, tracking, &limits)
	if err != nil {
		t.Fatal(err)
	}
	return newRejection("app", "127.0.0.1:1", request, failure)
}

func TestRejectionHasWhatWasToBeAppended(t *testing.T) {
	query := dcb.Query{Items: []dcb.QueryItem{{Types: []string{"A", "B"}, Tags: []string{"x"}}, {}}}
	failure := &dcb.Error{Kind: dcb.ErrIntegrity, Detail: "it conflicts", ConflictPosition: 7}
	got := describe(t, []dcb.Event{{Type: "A", Tags: []string{"x", "y"}, Data: []byte("secret")}, {}},
		&dcb.AppendCondition{FailIfEventsMatch: query, After: 3}, &dcb.TrackingInfo{Source: "s", Position: 9}, failure)
	got.Time = time.Time{}
	want := &Rejection{
		Key: "app", Peer: "127.0.0.1:1", Reason: "integrity error: it conflicts", ConflictPosition: 7,
		Events:    []RejectedEvent{{Type: "A", Tags: []string{"x", "y"}}, {}},
		Condition: &RejectedCondition{Items: []RejectedItem{{Types: []string{"A", "B"}, Tags: []string{"x"}}, {}}, After: 3},
		Tracking:  &dcb.TrackingInfo{Source: "s", Position: 9},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Whatever an append has, its rejection takes a few KiB, and has the number of what it leaves out.
func TestRejectionIsBounded(t *testing.T) {
	many := func(n, size int) (names []string) {
		for i := range n {
			names = append(names, fmt.Sprintf("%0*d", size, i))
		}
		return names
	}
	items := func(n int, item dcb.QueryItem) dcb.Query {
		return dcb.Query{Items: slices.Repeat([]dcb.QueryItem{item}, n)}
	}
	failure := errors.New(strings.Repeat("é", 5000))
	for what, c := range map[string]struct {
		events []dcb.Event
		query  dcb.Query
	}{
		"many events":      {slices.Repeat([]dcb.Event{{Type: "T", Tags: []string{"x"}}}, 1000), dcb.Query{}},
		"many tags":        {[]dcb.Event{{Type: "T", Tags: many(100, 3)}}, items(1, dcb.QueryItem{Tags: many(1000, 4)})},
		"long names":       {[]dcb.Event{{Type: strings.Repeat("T", 1000), Tags: many(3, 300)}}, items(1, dcb.QueryItem{Types: many(3, 300)})},
		"names of 256":     {slices.Repeat([]dcb.Event{{Type: strings.Repeat("T", 256), Tags: many(9, 256)}}, 9), items(50, dcb.QueryItem{Types: many(9, 256)})},
		"many empty items": {[]dcb.Event{{}}, items(1000, dcb.QueryItem{})},
		"many items":       {[]dcb.Event{{}}, items(300, dcb.QueryItem{Types: many(2, 5), Tags: many(2, 9)})},
	} {
		tracking := &dcb.TrackingInfo{Source: strings.Repeat("s", dcb.MaxSourceBytes), Position: 1}
		r := describe(t, c.events, &dcb.AppendCondition{FailIfEventsMatch: c.query}, tracking, failure)
		if size := deepSize(reflect.ValueOf(r)); size > rejectionBytes {
			t.Errorf("%s: the rejection takes %d bytes, over %d", what, size, rejectionBytes)
		}
		if len(r.Events) == 0 || len(r.Events)+r.MoreEvents != len(c.events) {
			t.Errorf("%s: %d events and %d more, of %d", what, len(r.Events), r.MoreEvents, len(c.events))
		}
		for i, event := range r.Events {
			if len(event.Tags)+event.MoreTags != len(c.events[i].Tags) {
				t.Errorf("%s: event %d has %d tags and %d more, of %d", what, i, len(event.Tags), event.MoreTags, len(c.events[i].Tags))
			}
		}
		if got := r.Condition; len(got.Items)+got.MoreItems != len(c.query.Items) {
			t.Errorf("%s: %d items and %d more, of %d", what, len(got.Items), got.MoreItems, len(c.query.Items))
		}
		for i, item := range r.Condition.Items {
			whole := c.query.Items[i]
			if len(item.Types)+item.MoreTypes != len(whole.Types) || len(item.Tags)+item.MoreTags != len(whole.Tags) {
				t.Errorf("%s: item %d is %+v", what, i, item)
			}
		}
	}
}

// deepSize returns the size of a value with all that it refers to.
func deepSize(v reflect.Value) uintptr {
	size := v.Type().Size()
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			size += deepSize(v.Elem())
		}
	case reflect.String:
		size += uintptr(v.Len())
	case reflect.Slice:
		size += uintptr(v.Cap()) * v.Type().Elem().Size()
		for i := range v.Len() {
			size += deepSize(v.Index(i)) - v.Index(i).Type().Size()
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Type != reflect.TypeFor[time.Time]() {
				size += deepSize(v.Field(i)) - v.Field(i).Type().Size()
			}
		}
	}
	return size
}

func BenchmarkRejection(b *testing.B) {
	limits := dcb.Limits{}.WithDefaults()
	query := dcb.Query{Items: []dcb.QueryItem{{Types: []string{"CourseOffered", "StudentEnrolled"}, Tags: []string{"course:go"}}}}
	request, err := record.NewAppend([]dcb.Event{{Type: "StudentEnrolled", Tags: []string{"course:go", "student:Bob"}}}, &dcb.AppendCondition{FailIfEventsMatch: query, After: 1}, nil, &limits)
	if err != nil {
		b.Fatal(err)
	}
	failure := &dcb.Error{Kind: dcb.ErrIntegrity, Detail: "it conflicts", ConflictPosition: 2}
	b.Run("kept", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			newRejection("app", "127.0.0.1:1", request, failure)
		}
	})
	b.Run("left out", func(b *testing.B) {
		b.ReportAllocs()
		r := newRejections()
		for b.Loop() {
			r.add(func() *Rejection { return new(Rejection) })
		}
	})
}

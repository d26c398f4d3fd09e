package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	umadb "github.com/umadb-go/umadb"
	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/dcb"
)

// fill appends events of courses and students up to a total of events. A tag of a course has
// thousands of events, one of a student hundreds.
func fill(ctx context.Context, dir string, events int) error {
	store, err := umadb.Open(dir, nil)
	if err != nil {
		return err
	}
	head, err := store.Head(ctx)
	const batch = 500
	for n := int(head); err == nil && n < events; n += batch {
		request := make([]dcb.Event, 0, batch)
		for i := range min(batch, events-n) {
			request = append(request, event(n+i))
		}
		_, err = store.Append(ctx, request, nil, &dcb.TrackingInfo{Source: fmt.Sprint("upstream-", n/batch%5), Position: uint64(n) + 1})
	}
	if closed := store.Close(); err == nil {
		err = closed
	}
	return err
}

// reject makes appends to a server that it rejects: each is on the condition that there is no such
// event yet.
func reject(ctx context.Context, url string, appends int) error {
	store, err := client.Dial(url, nil)
	if err != nil {
		return err
	}
	defer store.Close()
	for n := range appends {
		e := event(n)
		same := dcb.Query{Items: []dcb.QueryItem{{Types: []string{e.Type}, Tags: e.Tags[:1]}}}
		_, err := store.Append(ctx, []dcb.Event{e}, &dcb.AppendCondition{FailIfEventsMatch: same, After: uint64(n)}, nil)
		if !errors.Is(err, dcb.ErrIntegrity) {
			return fmt.Errorf("an append on a condition that an event breaks returned %v, not a conflict", err)
		}
	}
	return nil
}

// event returns the event at a position, of one of eight types.
func event(n int) dcb.Event {
	kinds := []string{"StudentEnrolled", "StudentEnrolled", "StudentEnrolled", "PaymentReceived", "PaymentReceived", "GradeGiven", "StudentLeft", "CourseRenamed"}
	course, student := n*7919%300, n*104_729%8000
	e := dcb.Event{
		Type: kinds[n/7%len(kinds)], // each course has all of them
		Tags: []string{fmt.Sprintf("course:c%d", course), fmt.Sprintf("student:s%d", student)},
		Data: fmt.Appendf(nil, `{"amount":{"value":%d.5,"currency":"EUR"},"languages":["en","de"],"note":"event %d"}`, n%500, n),
	}
	if n%10 == 0 {
		e.Tags = append(e.Tags, fmt.Sprintf("invoice:i%d", n)) // a tag that no other event has
	}
	return e
}

// describeMachine returns the processors, the operating system and the load.
func describeMachine() string {
	model := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
		}
	}
	load, _ := os.ReadFile("/proc/loadavg")
	return fmt.Sprintf("%d cores, %s, %s %s, load %s", runtime.NumCPU(), model, runtime.GOOS, runtime.GOARCH, strings.Join(strings.Fields(string(load) + " - - -")[:3], " "))
}

package admin_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/store"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// copied contains the segments and the number of groups in messages of Groups.
type copied struct {
	segments [][]byte
	groups   uint64
	messages int
	open     bool // the last group is not complete
}

func (c *copied) add(t *testing.T, response *adminv1.GroupsResponse) {
	t.Helper()
	c.messages++
	size := 0
	for _, part := range response.Parts {
		if len(part.SegmentHeader) > 0 {
			c.segments = append(c.segments, bytes.Clone(part.SegmentHeader))
		}
		last := &c.segments[len(c.segments)-1]
		*last = append(*last, part.Data...)
		if c.open = part.Continues; !c.open {
			c.groups++
		}
		size += len(part.Data) + len(part.SegmentHeader)
	}
	if size > 256<<10 {
		t.Errorf("a message has %d bytes of groups", size)
	}
}

// fill appends groups of many sizes.
func fill(t *testing.T, r *running) {
	t.Helper()
	for i := range 60 {
		events := []dcb.Event{{Type: "A", Tags: []string{fmt.Sprint(i)}, Data: make([]byte, 1000*i)}}
		if i%20 == 7 { // larger than a message
			events = append(events, dcb.Event{Type: "B", Data: bytes.Repeat([]byte{byte(i)}, 900<<10)})
		}
		r.append(t, nil, events...)
	}
}

func TestGroupsAreTheFilesOfTheLog(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, &store.Options{SegmentBytes: 1 << 20})
	fill(t, r)
	var all copied
	for response, err := range r.admin(t).Groups(within(t), &adminv1.GroupsRequest{}) {
		if err != nil {
			t.Fatal(err)
		}
		all.add(t, response)
		if index, head := r.store.LastGroup(); response.HeadIndex != index || response.HeadPosition != head {
			t.Errorf("the head is %d, %d, want %d, %d", response.HeadIndex, response.HeadPosition, index, head)
		}
	}
	if all.groups != 60 || all.open || len(all.segments) < 3 {
		t.Errorf("%d groups in %d segments", all.groups, len(all.segments))
	}
	names, err := filepath.Glob(filepath.Join(dir, "log", "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	if len(names) != len(all.segments) {
		t.Fatalf("%d segments were sent, want %d", len(all.segments), len(names))
	}
	for i, name := range names {
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		have := all.segments[i]
		if len(have) > len(want) || !bytes.Equal(have, want[:len(have)]) || len(bytes.Trim(want[len(have):], "\x00")) > 0 {
			t.Errorf("segment %d differs from its file", i)
		}
	}
}

func TestGroupsContinueAndFollow(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	r.append(t, nil, dcb.Event{Type: "A"})
	r.append(t, nil, dcb.Event{Type: "B"})
	var second eventlog.GroupID
	for g, err := range r.store.Groups(t.Context(), eventlog.GroupID{}, false) {
		if err != nil {
			t.Fatal(err)
		}
		tail := g.Tail()
		second = tail.ID()
	}
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	received := 0
	for response, err := range r.admin(t).Groups(ctx, &adminv1.GroupsRequest{AfterIndex: 1, AfterChain: chainOf(t, r, 1), Follow: true}) {
		if err != nil {
			t.Fatal(err)
		}
		received += len(response.Parts)
		if received == 10 {
			break
		}
		r.append(t, nil, dcb.Event{Type: "C"})
	}
	if _, err := first(r.admin(t).Groups(within(t), &adminv1.GroupsRequest{AfterIndex: second.Index, AfterChain: second.Chain + 1})); status.Code(err) != codes.FailedPrecondition || !errors.Is(err, dcb.ErrIntegrity) {
		t.Errorf("another chain: %v", err)
	}
	if _, err := first(r.admin(t).Groups(within(t), &adminv1.GroupsRequest{AfterIndex: 1000})); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("a group that the log does not have: %v", err)
	}
}

// chainOf returns the chain of a group.
func chainOf(t *testing.T, r *running, index uint64) uint64 {
	t.Helper()
	for g, err := range r.store.Groups(t.Context(), eventlog.GroupID{}, false) {
		if err != nil {
			t.Fatal(err)
		}
		if g.Index == index {
			return g.Chain
		}
	}
	t.Fatalf("there is no group %d", index)
	return 0
}

// first returns the first value of an iterator.
func first[T any](all func(func(T, error) bool)) (value T, err error) {
	for value, err = range all {
		break
	}
	return value, err
}

// A client that does not read makes the server hold a few messages, whatever the log contains.
func TestGroupsThatAreNotReadHoldLittle(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	for range 64 {
		r.append(t, nil, dcb.Event{Type: "A", Data: make([]byte, 1<<20)})
	}
	c := r.dial(t, apiKey)
	before := heap()
	var streams []interface{ Next() ([]byte, error) }
	for range 4 {
		stream := c.Messages(t.Context(), adminv1.Admin_Groups_FullMethodName, nil)
		defer stream.Close()
		if _, err := stream.Next(); err != nil {
			t.Fatal(err)
		}
		streams = append(streams, stream)
	}
	eventually(t, "four messages wait", func() bool { return responsesUsed(r) >= 4*256<<10 })
	if used := responsesUsed(r); used > 4<<20 {
		t.Errorf("%d bytes of messages wait", used)
	}
	if more := heap() - before; more > 32<<20 {
		t.Errorf("four streams hold %d MiB", more>>20)
	}
	if _, err := first(r.admin(t).Groups(within(t), &adminv1.GroupsRequest{})); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a fifth stream: %v", err)
	}
	for range 10 { // they continue
		for _, stream := range streams {
			if _, err := stream.Next(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// responsesUsed returns the number of bytes of messages that wait for clients.
func responsesUsed(r *running) int64 {
	for _, m := range r.Metrics().Memory {
		if m.Of == "responses" {
			return m.Used
		}
	}
	return 0
}

// heap returns the number of bytes in use, after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

package admin

import (
	"context"
	"fmt"
	"iter"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// maxGroupBytes bounds the memory that a group may take while its parts are received. A
// store limits its groups to far less.
const maxGroupBytes = 1 << 30

// LogGroups iterates over the groups of the log as (*store.Store).Groups does, from the
// parts that the server sends. The groups are not verified.
func (c *Client) LogGroups(ctx context.Context, after eventlog.GroupID, follow bool) iter.Seq2[eventlog.Group, error] {
	return func(yield func(eventlog.Group, error) bool) {
		request := &adminv1.GroupsRequest{AfterIndex: after.Index, AfterChain: after.Chain, Follow: follow}
		var joined joinedParts
		for response, err := range c.Groups(ctx, request) {
			if err != nil {
				yield(eventlog.Group{}, err)
				return
			}
			if c.OnHead != nil {
				c.OnHead(response.GetHeadIndex(), response.GetHeadPosition())
			}
			for _, part := range response.GetParts() {
				g, complete, err := joined.add(part)
				if err != nil {
					yield(eventlog.Group{}, &dcb.Error{Kind: dcb.ErrCorruption, Detail: "the server sent an invalid group", Cause: err})
					return
				}
				if complete && !yield(g, nil) {
					return
				}
			}
		}
		if joined.open {
			yield(eventlog.Group{}, &dcb.Error{Kind: dcb.ErrTransport, Detail: "the server's answer ends within a group"})
		}
	}
}

// joinedParts joins the parts of a group.
type joinedParts struct {
	segmentHeader []byte
	stored        []byte
	open          bool // a part must follow
}

// add adds a part and, if the group is complete, returns the group.
func (j *joinedParts) add(part *adminv1.GroupPart) (g eventlog.Group, complete bool, err error) {
	switch {
	case !j.open && !part.GetContinues():
		g, err = eventlog.ReceivedGroup(part.GetSegmentHeader(), part.GetData())
		return g, true, err
	case !j.open:
		j.segmentHeader, j.stored = part.GetSegmentHeader(), nil
	case len(part.GetSegmentHeader()) > 0:
		return g, false, fmt.Errorf("a segment starts within a group")
	}
	j.stored, j.open = append(j.stored, part.GetData()...), part.GetContinues()
	if len(j.stored) > maxGroupBytes {
		return g, false, fmt.Errorf("it has more than %d bytes", maxGroupBytes)
	}
	if j.open {
		return g, false, nil
	}
	g, err = eventlog.ReceivedGroup(j.segmentHeader, j.stored)
	return g, true, err
}

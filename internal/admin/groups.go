package admin

import (
	"google.golang.org/grpc"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/store"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

const (
	// groupsMessage is the maximum number of bytes of groups in a message, and partOverhead
	// what is added for each part.
	groupsMessage = 256 << 10
	partOverhead  = 16
)

// Groups implements adminv1.AdminServer.
func (s *service) Groups(request *adminv1.GroupsRequest, stream grpc.ServerStreamingServer[adminv1.GroupsResponse]) error {
	if err := s.groups.enter("read the groups of the log"); err != nil {
		return err
	}
	defer s.groups.leave()
	after := eventlog.GroupID{Index: request.GetAfterIndex(), Chain: request.GetAfterChain()}
	out := groupSender{store: s.store, stream: stream, copies: &s.copies, copied: s.copies.begin(request.GetFollow()), sent: after.Index}
	if last, head := s.store.LastGroup(); after.Index == last {
		s.copies.moved(out.copied, head)
	}
	err := s.sendGroups(&out, after, request.GetFollow())
	last, _ := s.store.LastGroup()
	s.copies.end(out.copied, err == nil || request.GetFollow() && out.sent >= last)
	return err
}

func (s *service) sendGroups(out *groupSender, after eventlog.GroupID, follow bool) error {
	for g, err := range s.store.Groups(out.stream.Context(), after, follow) {
		if err == nil {
			err = out.add(&g)
		}
		if last, _ := s.store.LastGroup(); err == nil && g.Index >= last {
			err = out.send() // the next group may be a long wait away
		}
		if err != nil {
			return err
		}
	}
	return out.send() // there may be newer groups by now
}

// groupSender sends groups, several in each message, or a group in several messages.
type groupSender struct {
	store  *store.Store
	stream grpc.ServerStreamingServer[adminv1.GroupsResponse]
	parts  []*adminv1.GroupPart
	buffer []byte // that contains the data of the parts
	size   int    // of the message, approximately

	copies *copies
	copied *adminv1.CopyStatus // the call, in copies
	added  eventlog.Tail       // of the last group that is complete in the parts
	sent   uint64              // index of the last group that was sent
}

// add adds a group to the next message, and sends those that are full.
func (o *groupSender) add(g *eventlog.Group) error {
	if whole := len(g.SegmentHeader) + len(g.Header) + len(g.Payload); o.size > 0 && o.size+partOverhead+whole > groupsMessage {
		if err := o.send(); err != nil {
			return err
		}
	}
	part := o.begin(g.SegmentHeader)
	for _, rest := range [][]byte{g.Header, g.Payload} {
		for {
			n := min(len(rest), groupsMessage-o.size)
			part.Data = o.append(part.Data, rest[:n])
			if rest = rest[n:]; len(rest) == 0 {
				break
			}
			part.Continues = true
			if err := o.send(); err != nil {
				return err
			}
			part = o.begin(nil)
		}
	}
	o.added = g.Tail()
	return nil
}

// begin adds an empty part.
func (o *groupSender) begin(segmentHeader []byte) *adminv1.GroupPart {
	if o.buffer == nil {
		o.buffer = make([]byte, 0, groupsMessage)
	}
	part := &adminv1.GroupPart{SegmentHeader: segmentHeader}
	o.parts = append(o.parts, part)
	o.size += partOverhead + len(segmentHeader)
	return part
}

// append copies bytes to the buffer, because those of a group are valid only until the next
// one, and extends the data of the last part by them.
func (o *groupSender) append(data, more []byte) []byte {
	start := len(o.buffer) - len(data)
	o.buffer = append(o.buffer, more...)
	o.size += len(more)
	return o.buffer[start:len(o.buffer):len(o.buffer)]
}

// send sends the parts.
func (o *groupSender) send() error {
	if len(o.parts) == 0 {
		return nil
	}
	index, head := o.store.LastGroup()
	err := o.stream.Send(&adminv1.GroupsResponse{Parts: o.parts, HeadIndex: index, HeadPosition: head})
	o.parts, o.buffer, o.size = o.parts[:0], o.buffer[:0], 0
	if err == nil && o.added.Index > o.sent {
		o.sent = o.added.Index
		o.copies.moved(o.copied, o.added.Next-1)
	}
	return err
}

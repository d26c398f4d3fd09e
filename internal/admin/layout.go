package admin

import (
	"context"

	"google.golang.org/grpc"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/store"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// layoutMessage is the maximum number of segments and of blocks in a message of Layout.
const layoutMessage = 512

// Layout implements adminv1.AdminServer.
func (s *service) Layout(_ *adminv1.LayoutRequest, stream grpc.ServerStreamingServer[adminv1.LayoutResponse]) error {
	l, err := s.store.Layout(stream.Context())
	if err != nil {
		return err
	}
	for len(l.Segments) > layoutMessage || len(l.Blocks) > layoutMessage {
		segments, blocks := min(len(l.Segments), layoutMessage), min(len(l.Blocks), layoutMessage)
		part := &adminv1.LayoutResponse{Segments: logSegments(l.Segments[:segments]), Blocks: indexBlocks(l.Blocks[:blocks])}
		if err := stream.Send(part); err != nil {
			return err
		}
		l.Segments, l.Blocks = l.Segments[segments:], l.Blocks[blocks:]
	}
	m := s.store.Metrics().Index
	last := &adminv1.LayoutResponse{
		Segments:          logSegments(l.Segments),
		Blocks:            indexBlocks(l.Blocks),
		Limits:            &adminv1.HeadBlockLimits{MaxEvents: uint64(l.Limits.Events), MaxBytes: uint64(l.Limits.Bytes), MaxLogBytes: uint64(l.Limits.LogBytes)},
		CompactionBacklog: uint64(l.CompactionBacklog),
		Compacted:         m.Compactions,
		CompactedBytes:    m.CompactedBytes,
		Head:              l.Head,
		NextSegmentBytes:  uint64(l.NextSegmentBytes),
	}
	for _, h := range l.HeadBlocks {
		last.HeadBlocks = append(last.HeadBlocks, &adminv1.HeadBlock{First: h.First, Events: h.Events, Bytes: uint64(h.Bytes)})
	}
	for i := range l.Compactions {
		last.Compactions = append(last.Compactions, compaction(&l.Compactions[i]))
	}
	if !l.LastCompaction.Ended.IsZero() {
		last.LastCompaction = compaction(&l.LastCompaction)
	}
	return stream.Send(last)
}

func logSegments(extents []eventlog.SegmentExtent) (out []*adminv1.LogSegment) {
	for i := range extents {
		e := &extents[i]
		out = append(out, &adminv1.LogSegment{
			Name: e.Name, First: e.First, Events: e.Events,
			UsedBytes: uint64(e.UsedBytes), FileBytes: uint64(e.FileBytes), Active: e.Active,
		})
	}
	return out
}

func indexBlocks(extents []store.BlockExtent) (out []*adminv1.IndexBlock) {
	for i := range extents {
		e := &extents[i]
		out = append(out, &adminv1.IndexBlock{
			Name: e.Name, First: e.First, Events: e.Events,
			Bytes: uint64(e.Bytes), Level: e.Level, Terms: e.Terms, Corrupt: e.Corrupt,
		})
	}
	return out
}

func compaction(c *store.Compaction) *adminv1.Compaction {
	return &adminv1.Compaction{
		First: c.First, Events: c.Events, Blocks: uint64(c.Blocks), Bytes: uint64(c.Bytes), Level: c.Level,
		WrittenBytes: uint64(c.Written), Started: timestamp(c.Started), Ended: timestamp(c.Ended),
	}
}

// Layout returns the files of the store.
func (c *Client) Layout(ctx context.Context) (*adminv1.LayoutResponse, error) {
	all := new(adminv1.LayoutResponse)
	for response, err := range messages[adminv1.LayoutResponse](ctx, c, adminv1.Admin_Layout_FullMethodName, new(adminv1.LayoutRequest)) {
		if err != nil {
			return nil, err
		}
		response.Segments = append(all.GetSegments(), response.GetSegments()...)
		response.Blocks = append(all.GetBlocks(), response.GetBlocks()...)
		all = response
	}
	return all, nil
}

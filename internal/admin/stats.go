package admin

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

const (
	// maxTop is the maximum number of types and of tags in the answer to Stats, and maxName
	// the maximum number of bytes of one.
	maxTop  = 1000
	maxName = 1024
	// smallMessage is the approximate maximum size in bytes of the messages of streams that
	// consist of small parts.
	smallMessage = 64 << 10
)

// Stats implements adminv1.AdminServer.
func (s *service) Stats(ctx context.Context, request *adminv1.StatsRequest) (*adminv1.StatsResponse, error) {
	if request.GetTop() > maxTop {
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("%d types and tags are requested, and at most %d can be listed", request.GetTop(), maxTop)}
	}
	if err := s.stats.enter("count the contents of the store"); err != nil {
		return nil, err
	}
	defer s.stats.leave()
	counted, err := s.store.Stats(ctx, &store.StatsOptions{Top: int(request.GetTop()), NameBytes: maxName})
	if err != nil {
		return nil, err
	}
	return &adminv1.StatsResponse{
		Head:            counted.Head,
		Events:          counted.Events,
		FirstCommit:     timestamp(counted.FirstCommit),
		LastCommit:      timestamp(counted.LastCommit),
		Segments:        uint64(counted.Segments),
		LogBytes:        uint64(counted.LogBytes),
		Blocks:          uint64(counted.Blocks),
		IndexBytes:      uint64(counted.IndexBytes),
		UncoveredEvents: counted.Uncovered,
		DiskBytes:       uint64(counted.DiskBytes),
		Types:           termStats(counted.Types),
		Tags:            termStats(counted.Tags),
		TrackingSources: counted.Sources,
	}, nil
}

// decodeStats returns the statistics in an answer.
func decodeStats(r *adminv1.StatsResponse) *store.Stats {
	return &store.Stats{
		Head:        r.GetHead(),
		Events:      r.GetEvents(),
		FirstCommit: timeOf(r.GetFirstCommit()),
		LastCommit:  timeOf(r.GetLastCommit()),
		Segments:    int(r.GetSegments()),
		LogBytes:    int64(r.GetLogBytes()),
		Blocks:      int(r.GetBlocks()),
		IndexBytes:  int64(r.GetIndexBytes()),
		Uncovered:   r.GetUncoveredEvents(),
		DiskBytes:   int64(r.GetDiskBytes()),
		Types:       decodeTerms(r.GetTypes()),
		Tags:        decodeTerms(r.GetTags()),
		Sources:     r.GetTrackingSources(),
	}
}

func decodeTerms(terms *adminv1.TermStats) store.TermStats {
	out := store.TermStats{Distinct: terms.GetDistinct(), Top: []dcb.TermCount{}}
	for _, term := range terms.GetTop() {
		out.Top = append(out.Top, dcb.TermCount{Name: term.GetName(), Events: term.GetEvents()})
	}
	return out
}

// timeOf returns the zero time for nil.
func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

func termStats(counted store.TermStats) *adminv1.TermStats {
	out := &adminv1.TermStats{Distinct: counted.Distinct}
	for _, term := range counted.Top {
		out.Top = append(out.Top, &adminv1.TermCount{Name: term.Name, Events: term.Events})
	}
	return out
}

// TrackingSources implements adminv1.AdminServer.
func (s *service) TrackingSources(_ *adminv1.TrackingSourcesRequest, stream grpc.ServerStreamingServer[adminv1.TrackingSourcesResponse]) error {
	if err := s.sources.enter("list the tracking sources"); err != nil {
		return err
	}
	defer s.sources.leave()
	out, bytes := new(adminv1.TrackingSourcesResponse), 0
	for info, err := range s.store.TrackingSources(stream.Context()) {
		if err != nil {
			return err
		}
		out.Sources = append(out.Sources, &adminv1.TrackingSource{Source: info.Source, Position: info.Position})
		if bytes += len(info.Source) + 16; bytes < smallMessage {
			continue
		}
		if err := stream.Send(out); err != nil {
			return err
		}
		out, bytes = new(adminv1.TrackingSourcesResponse), 0
	}
	if len(out.Sources) == 0 {
		return nil
	}
	return stream.Send(out)
}

package admin

import (
	"context"
	"fmt"
	"math"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

const (
	// minScrubRate is the least rate of a scrub, in bytes per second. A slower one would
	// wait for seconds between two messages.
	minScrubRate = 1 << 20
	// scrubMessageEvery is how often the progress of a scrub is sent at most.
	scrubMessageEvery = 200 * time.Millisecond
)

// Scrub implements adminv1.AdminServer.
func (s *service) Scrub(request *adminv1.ScrubRequest, stream grpc.ServerStreamingServer[adminv1.ScrubResponse]) error {
	rate := request.GetBytesPerSecond()
	if rate > 0 && rate < minScrubRate {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("a scrub reads at least %d bytes a second, not %d", minScrubRate, rate)}
	}
	if err := s.scrubs.enter("scrub the store"); err != nil {
		return err
	}
	defer s.scrubs.leave()
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	out := scrubSender{stream: stream, cancel: cancel}
	report, err := s.store.Scrub(ctx, &store.ScrubOptions{
		BytesPerSecond: int64(min(rate, math.MaxInt64)),
		Progress:       out.progress,
		Found:          out.found,
	})
	if out.err != nil {
		return out.err
	}
	if err != nil {
		return err
	}
	out.next.Report = &adminv1.ScrubReport{
		Started:      timestamppb.New(report.Started),
		Ended:        timestamppb.New(report.Ended),
		Groups:       report.Groups,
		LogBytes:     uint64(report.LogBytes),
		Blocks:       report.Blocks,
		IndexBytes:   uint64(report.IndexBytes),
		MoreFindings: report.More,
	}
	return stream.Send(&out.next)
}

// scrubSender sends the progress of a scrub.
type scrubSender struct {
	stream grpc.ServerStreamingServer[adminv1.ScrubResponse]
	next   adminv1.ScrubResponse // the next message
	sent   time.Time             // of the last message
	err    error                 // of sending; then cancel was called
	cancel func()                // ends the scrub
}

// found adds a finding to the next message.
func (o *scrubSender) found(f store.ScrubFinding) {
	o.next.Findings = append(o.next.Findings, &adminv1.ScrubFinding{File: f.File, Offset: f.Offset, What: f.What, Index: f.Index})
}

// progress sends a message, unless the last one was sent just before and there is no finding.
func (o *scrubSender) progress(done, all int64) {
	o.next.DoneBytes, o.next.AllBytes = uint64(done), uint64(all)
	if o.err != nil || len(o.next.Findings) == 0 && time.Since(o.sent) < scrubMessageEvery {
		return
	}
	if o.err = o.stream.Send(&o.next); o.err != nil {
		o.cancel()
	}
	o.next.Findings, o.sent = nil, time.Now()
}

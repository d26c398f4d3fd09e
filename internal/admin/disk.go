package admin

import (
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/umadb-go/umadb/internal/store"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// diskStatus returns the state of the disk. refusal is the error of appends for which there is no
// space, or nil.
func diskStatus(u store.DiskUsage, refusal error) *adminv1.DiskStatus {
	out := &adminv1.DiskStatus{
		LogBytes: uint64(u.LogBytes), IndexBytes: uint64(u.IndexBytes), ReservedBytes: uint64(u.ReservedBytes),
		MaxBytes: uint64(u.MaxBytes), FreeBytes: uint64(u.FreeBytes), FileSystemBytes: uint64(u.FileSystemBytes),
	}
	if refusal != nil {
		out.Refusal = refusal.Error()
	}
	return out
}

func cacheStatus(m store.CacheMetrics) *adminv1.CacheStatus {
	return &adminv1.CacheStatus{UsedBytes: uint64(m.Bytes), MaxBytes: uint64(m.Limit), Hits: m.Hits, Misses: m.Misses}
}

// scrubStatus returns the state of the background scrub, or nil if there is none.
func scrubStatus(s store.ScrubStatus, m store.ScrubMetrics) *adminv1.ScrubStatus {
	if s.Period == 0 {
		return nil
	}
	out := &adminv1.ScrubStatus{
		Period: durationpb.New(s.Period), Started: timestamp(s.Pass.Started), LastEnded: timestamp(s.Last.Ended),
		LogFindings: m.LogFindings, IndexFindings: m.IndexFindings,
	}
	if !s.Pass.Started.IsZero() {
		out.DoneBytes, out.AllBytes = uint64(s.Done), uint64(s.All)
	}
	return out
}

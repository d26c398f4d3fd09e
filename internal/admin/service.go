package admin

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/umadb-go/umadb/internal/histogram"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/store"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

const (
	// maxScans and maxGroups are the maximum numbers of calls that read the whole index, and of
	// those that read the log.
	maxScans  = 4
	maxGroups = 4
)

// Version identifies the program.
type Version struct{ Version, Commit string }

// service implements the Admin service.
type service struct {
	adminv1.UnimplementedAdminServer
	store   *store.Store
	server  *server.Server
	version Version
	started time.Time

	stats, sources, groups, scrubs limit
	copies                         copies
}

// Register registers the service with a server of a store, before the server serves.
func Register(srv *server.Server, opened *store.Store, version Version) {
	adminv1.RegisterAdminServer(srv, &service{
		store:   opened,
		server:  srv,
		version: version,
		started: time.Now(),
		stats:   make(limit, 1),
		sources: make(limit, maxScans),
		groups:  make(limit, maxGroups),
		scrubs:  make(limit, 1),
	})
}

// limit is the maximum number of calls of a method: its capacity.
type limit chan struct{}

// enter counts a call, or fails. Otherwise leave must be called when the call ends.
func (l limit) enter(what string) error {
	select {
	case l <- struct{}{}:
		return nil
	default:
		return server.RefuseAdminCall("too many calls that %s are in progress: at most %d are served; try again later", what, cap(l))
	}
}

func (l limit) leave() { <-l }

// Status implements adminv1.AdminServer.
func (s *service) Status(ctx context.Context, _ *adminv1.StatusRequest) (*adminv1.StatusResponse, error) {
	o, err := s.store.Overview(ctx)
	if err != nil {
		return nil, err
	}
	m := s.store.Metrics()
	status := storeStatus(o, m)
	status.Disk, status.Cache = diskStatus(m.Disk, s.store.AppendRefusal()), cacheStatus(m.Cache)
	status.Scrub = scrubStatus(s.store.ScrubStatus(), m.Scrub)
	status.Copies = s.copies.list()
	return &adminv1.StatusResponse{
		Version: s.version.Version,
		Commit:  s.version.Commit,
		Started: timestamppb.New(s.started),
		Now:     timestamppb.Now(),
		Store:   status,
		Server:  serverStatus(s.server.Metrics()),
	}, nil
}

func storeStatus(o *store.Overview, m store.Metrics) *adminv1.StoreStatus {
	out := &adminv1.StoreStatus{
		Id:              o.ID,
		Head:            o.Head,
		LastCommit:      timestamp(o.LastCommit),
		LogBytes:        uint64(o.LogBytes),
		DiskBytes:       uint64(o.DiskBytes),
		Segments:        uint64(o.Segments),
		Blocks:          uint64(o.Blocks),
		UncoveredEvents: o.Uncovered,
		AppendStall:     duration(o.AppendStall),
		ReadOnly:        o.ReadOnly,
		Appends: &adminv1.AppendStatus{
			Waiting:   uint64(m.Appends.Waiting),
			Conflicts: m.Appends.Conflicts,
			Queue:     durations(m.Appends.Queue),
			Sync:      durations(m.Commits.Sync),
			Latency:   durations(m.Appends.Latency),
		},
	}
	if b := o.Standby; b != nil {
		out.Standby = &adminv1.StandbyStatus{Server: b.Server, Connected: b.Connected, Head: b.Head, Missing: b.Missing, Lag: duration(b.Lag), Full: b.Full}
	}
	if o.Failure != nil {
		out.Failure = o.Failure.Error()
	}
	if m.Shared != nil {
		out.SharedLog = sharedLogStatus(m.Shared)
	}
	return out
}

func sharedLogStatus(m *store.SharedMetrics) *adminv1.SharedLogStatus {
	out := &adminv1.SharedLogStatus{
		Log:           m.Log,
		Address:       m.Address,
		Applied:       m.Applied,
		Durable:       m.Durable,
		End:           m.End,
		Lag:           duration(m.Lag),
		Silence:       durationpb.New(m.Silence),
		Writer:        m.Writer.Self,
		WriterAddress: m.Writer.Address,
	}
	if m.Writer.Self {
		out.WriterAddress = ""
	}
	if m.Halt != nil {
		out.Halt = m.Halt.Error()
	}
	return out
}

func serverStatus(m server.Metrics) *adminv1.ServerStatus {
	out := &adminv1.ServerStatus{
		Connections:    uint64(m.Connections),
		MaxConnections: uint64(m.MaxConnections),
		Appends:        uint64(m.AppendsInProgress),
		ReceivedBytes:  m.ReceivedBytes,
		SentBytes:      m.SentBytes,
	}
	for _, use := range m.Memory {
		out.Memory = append(out.Memory, &adminv1.MemoryUse{Of: use.Of, UsedBytes: uint64(use.Used), MaxBytes: uint64(use.Limit), Waiting: uint64(use.Waiting)})
	}
	for i := range m.Methods {
		out.Methods = append(out.Methods, methodStatus(&m.Methods[i]))
	}
	for _, r := range m.Refusals {
		out.Refusals = append(out.Refusals, &adminv1.Refusals{Kind: r.Kind, Count: r.Count})
	}
	return out
}

func methodStatus(m *server.MethodMetrics) *adminv1.MethodStatus {
	out := &adminv1.MethodStatus{
		Method:     m.Method,
		InProgress: m.InProgress,
		Durations:  durations(m.Duration),
	}
	for code, n := range m.Codes {
		out.Ended += n
		if code != codes.OK {
			out.Failed += n
		}
	}
	return out
}

func durations(h histogram.Snapshot) *adminv1.Durations {
	return &adminv1.Durations{Bounds: h.Bounds, Counts: h.Counts, Sum: h.Sum}
}

// timestamp returns nil for the zero time.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// duration returns nil for 0.
func duration(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}

package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

// Peers connects to the other servers of a shared log.
type Peers interface {
	// Open connects to the server at an address. The caller closes the result.
	Open(ctx context.Context, address string) (Peer, error)
}

// Peer is a connection to another server of a shared log.
type Peer interface {
	// Groups iterates over the groups that the server has after a group, as Store.Groups does
	// without follow. An error is the last value. The bytes of a group are valid until the next one
	// is yielded. All groups, also of several calls, are of one process: if its connection breaks,
	// the next value is an error.
	Groups(ctx context.Context, after eventlog.GroupID) iter.Seq2[eventlog.Group, error]
	Close() error
}

const (
	// peerConnect is how long connecting to another server may take.
	peerConnect = 2 * time.Second
	// peerProbe is how long another server may take to show that it has the end of the shared log.
	// If it does not have that itself, it would wait for it.
	peerProbe = time.Second
	// peerStall is how long another server may take for its next group.
	peerStall = 30 * time.Second
	// peerBatchBytes is the number of bytes of groups that are adopted at once.
	peerBatchBytes = 1 << 20
)

// peersError reports that no other server sends the groups that the shared log does not have.
type peersError struct{ error }

// readFromPeers adopts groups that the shared log does not have, from the server that has
// reported the most. Until this server has the present end of the shared log, appends and fresh
// reads fail: they would only wait for it.
func (f *follower) readFromPeers() error {
	end, err := f.last()
	if err != nil {
		return err
	}
	peers, err := f.peers()
	if err != nil {
		return err
	}
	why := errors.New("no other server with an address has reported to the shared log in the last seconds")
	for _, p := range peers {
		from := f.store.published.Load().group
		err := f.readFrom(p.Address, eventlog.GroupID(end))
		if to := f.store.published.Load().group; to > from {
			f.store.options.Logger.Info("read groups from another server that the shared log does not have", "server", p.Address, "first", from+1, "last", to)
			return err
		}
		if _, adopting := errors.AsType[*adoptError](err); adopting || isForeignHistory(err) || f.store.background.ctx.Err() != nil {
			return err
		}
		why = fmt.Errorf("%s: %w", p.Address, cmp.Or(err, errors.New("it has sent no group")))
	}
	return &peersError{why}
}

// peers returns the other servers, the one that has reported the most first. If none has reported
// in the last seconds, perhaps because the shared log was down, it returns those that were known before.
func (f *follower) peers() ([]sharedlog.Replica, error) {
	ctx, cancel := f.request()
	defer cancel()
	peers, err := f.Log.Replicas(ctx)
	peers = slices.DeleteFunc(peers, func(r sharedlog.Replica) bool {
		return r.ID == f.mark.replica || r.Address == "" || r.Address == f.Address
	})
	slices.SortFunc(peers, func(a, b sharedlog.Replica) int { return cmp.Compare(b.Applied, a.Applied) })
	if len(peers) > 0 {
		f.reported = peers
	}
	return f.reported, err
}

// readFrom adopts the groups of a server up to the end of the shared log. It fails unless the
// server has the group at that end: then all that it has before is the history of the shared log.
// The address may lead to another server later, so one connection is used for both.
func (f *follower) readFrom(address string, end eventlog.GroupID) error {
	peer, err := f.connect(address)
	if err != nil {
		return err
	}
	defer func() { _ = peer.Close() }()
	for _, err := range f.groupsFrom(peer, end, peerProbe) {
		if err != nil {
			return fmt.Errorf("it does not have the end of the shared log: %w", err)
		}
		break
	}
	var batch []foreign
	size := 0
	own := f.store.published.Load().end.Tail.ID()
	for g, err := range f.groupsFrom(peer, own, peerStall) {
		switch {
		case errors.Is(err, dcb.ErrIntegrity):
			return fmt.Errorf("%w: the server %s has another group %d", eventlog.ErrNotNext, address, own.Index)
		case err != nil:
			return errors.Join(err, f.adopt(batch))
		case g.Index > end.Index:
			return f.adopt(batch)
		}
		if len(batch) == 0 {
			f.store.joins(end.Index, address)
		}
		batch = append(batch, foreign{index: g.Index, bytes: slices.Concat(g.Header, g.Payload), startsSegment: g.SegmentHeader != nil})
		if size += len(g.Payload); size < peerBatchBytes && len(batch) < sharedlog.ReadRecords {
			continue
		}
		if err := f.adopt(batch); err != nil {
			return err
		}
		batch, size = batch[:0], 0
	}
	return f.adopt(batch)
}

// connect is Peers.Open, but ends after some time.
func (f *follower) connect(address string) (Peer, error) {
	ctx, cancel := context.WithTimeout(f.store.background.ctx, peerConnect)
	defer cancel()
	return f.Peers.Open(ctx, address)
}

// groupsFrom is Peer.Groups, but ends when the server sends nothing for some time.
func (f *follower) groupsFrom(peer Peer, after eventlog.GroupID, patience time.Duration) iter.Seq2[eventlog.Group, error] {
	return func(yield func(eventlog.Group, error) bool) {
		ctx, cancel := context.WithCancel(f.store.background.ctx)
		defer cancel()
		stall := time.AfterFunc(patience, cancel)
		defer stall.Stop()
		for g, err := range peer.Groups(ctx, after) {
			if !stall.Stop() && err != nil && f.store.background.ctx.Err() == nil {
				err = fmt.Errorf("it has sent nothing for %v: %w", patience, err)
			}
			if !yield(g, err) || err != nil {
				return
			}
			stall.Reset(patience)
		}
	}
}

// adopt adopts groups of another server. A group that does not follow is the fault of the server.
func (f *follower) adopt(groups []foreign) error {
	if len(groups) == 0 {
		return nil
	}
	err := f.store.pipeline.adopt(f.store.background.ctx, groups)
	if isForeignHistory(err) {
		return fmt.Errorf("it has sent a group that does not follow: %v", err)
	}
	return err
}

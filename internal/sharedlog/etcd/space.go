package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

const (
	// trimBatch is how many records one request deletes.
	trimBatch = 1000
	// compactInterval is for how long the history of the keys is kept, at least.
	compactInterval = 5 * time.Minute
)

// Trim implements sharedlog.Log. Records are deleted in order.
func (l *Log) Trim(ctx context.Context, through uint64) error {
	_, err := call(ctx, l, "trimming", func(ctx context.Context) (struct{}, error) {
		last, err := l.last(ctx)
		if err != nil {
			return struct{}{}, err
		}
		revision, err := l.deleteRecords(ctx, min(through, last.Index))
		if err == nil && revision > 0 {
			err = l.compact(ctx, revision)
		}
		return struct{}{}, err
	})
	return err
}

// deleteRecords deletes the records up to an index. It returns a revision at which they are
// deleted, or 0 if there were none.
func (l *Log) deleteRecords(ctx context.Context, through uint64) (revision int64, err error) {
	for {
		answer, err := l.client.Get(ctx, l.keys.records, clientv3.WithRange(l.keys.records+pastDigits),
			clientv3.WithLimit(1), clientv3.WithKeysOnly())
		if err != nil || len(answer.Kvs) == 0 {
			return revision, err
		}
		first, err := l.keys.indexOf(answer.Kvs[0].Key)
		if err != nil || first > through {
			return revision, err
		}
		past := first + min(through-first, trimBatch-1) + 1
		deleted, err := l.client.Delete(ctx, l.keys.record(first), clientv3.WithRange(l.keys.record(past)))
		if err != nil {
			return revision, err
		}
		revision = deleted.Header.Revision
	}
}

// history is what the client knows about old revisions of the keys.
type history struct {
	interval time.Duration

	mu       sync.Mutex
	revision int64     // guarded by mu
	at       time.Time // when this was the current revision; guarded by mu
}

// compactOld compacts the history from time to time. Without it, reports alone would fill the
// quota within weeks.
func (l *Log) compactOld(ctx context.Context, revision int64) error {
	if old := l.history.next(revision); old > 0 {
		return l.compact(ctx, old)
	}
	return nil
}

// next notes the current revision, and returns the one that is as old as the interval or older,
// or 0.
func (h *history) next(revision int64) (old int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.at.IsZero() && time.Since(h.at) < h.interval {
		return 0
	}
	old, h.revision, h.at = h.revision, revision, time.Now()
	return old
}

// compact compacts the history. If the user may not do that, the members must.
func (l *Log) compact(ctx context.Context, revision int64) error {
	_, err := l.client.Compact(ctx, revision)
	if errors.Is(err, rpctypes.ErrCompacted) || errors.Is(err, rpctypes.ErrPermissionDenied) { // done, or see Warnings
		return nil
	}
	return err
}

// mayCompact reports whether the user may compact the history. It tries the first revision, which
// usually is compacted.
func (l *Log) mayCompact(ctx context.Context) bool {
	_, err := l.client.Compact(ctx, 1)
	return !errors.Is(err, rpctypes.ErrPermissionDenied)
}

// Space implements sharedlog.Limited. It also finds out which members can be used. The space is that
// of these: a member that must not be used, such as a learner, does not prevent a trim.
func (l *Log) Space(ctx context.Context) (sharedlog.Space, error) {
	return call(ctx, l, "reading the space of", func(ctx context.Context) (space sharedlog.Space, err error) {
		before := l.members.usable()
		err = l.members.refresh(ctx)
		if after := l.members.usable(); len(after) > 0 && !slices.Equal(before, after) {
			l.client.SetEndpoints(after...)
		}
		if err != nil {
			return space, err
		}
		for _, s := range l.members.snapshot() {
			if s.usable {
				space = fullest(space, s)
			}
		}
		return space, nil
	})
}

// fullest returns the larger space of two: that of a member and another one.
func fullest(space sharedlog.Space, s memberState) sharedlog.Space {
	if s.status == nil {
		return space
	}
	used, limit := s.status.DbSize, s.status.DbSizeQuota
	if used > space.Used {
		space.Used = used
	}
	if limit > 0 && (space.Limit == 0 || limit < space.Limit) {
		space.Limit = limit
	}
	return space
}

// Warnings returns what people should know about the cluster, as it was when it was asked last.
func (l *Log) Warnings() (warnings []string) {
	var space sharedlog.Space
	full := false
	for _, s := range l.members.snapshot() {
		if _, refused := errors.AsType[refusal](s.err); refused {
			warnings = append(warnings, s.err.Error())
		} else if s.err != nil {
			warnings = append(warnings, s.err.Error()+"; the log needs more than half of the members")
		}
		space = fullest(space, s)
		full = full || s.status != nil && strings.Contains(strings.Join(s.status.Errors, " "), "NOSPACE")
	}
	switch {
	case full:
		warnings = append(warnings, "etcd has the alarm NOSPACE, and refuses appends: raise --quota-backend-bytes, or run etcdctl defrag, and then etcdctl alarm disarm")
	case space.Limit > 0 && space.Used > space.Limit/2:
		warnings = append(warnings, fmt.Sprintf("the database of etcd has %d MiB of %d that it may have: at the limit, appends are refused. Raise --quota-backend-bytes, or run etcdctl defrag if less is in use", space.Used>>20, space.Limit>>20))
	}
	if l.alone {
		warnings = append(warnings, "the etcd cluster has one member: appends are lost if its disk is. Use three members")
	}
	if l.denied {
		warnings = append(warnings, fmt.Sprintf("the user %s may not compact the history of etcd, which fills the database: start the members with --auto-compaction-mode=periodic --auto-compaction-retention=1m, or give it the role root", l.settings.user))
	}
	return warnings
}

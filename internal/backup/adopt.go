package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
)

// Probe returns an error unless the source has a group, with its chain. If it has another one
// in its place or ends before it, the error is dcb.ErrIntegrity.
func Probe(ctx context.Context, source Source, group eventlog.GroupID) error {
	for _, err := range source.Groups(ctx, group, false) {
		return err
	}
	return nil
}

// Adopt makes the target a copy that the source continues, and that has at least one
// segment: it removes a clean-close record that only the target has, and copies the first
// group, for which it waits. It fails with dcb.ErrIntegrity if the target has other groups
// that the source does not have.
func Adopt(ctx context.Context, source Source, target *DirectoryTarget) error {
	tail := target.Tail()
	err := Probe(ctx, source, tail.ID())
	if errors.Is(err, dcb.ErrIntegrity) {
		before, closed, closeErr := target.BeforeClose()
		switch {
		case closeErr != nil:
			return targetError(closeErr)
		case closed:
			if err := Probe(ctx, source, before.ID()); err == nil {
				return targetError(target.RemoveClose(before))
			}
		}
		return explainDifference(ctx, source, target)
	}
	if err != nil || target.ID() != (eventlog.StoreID{}) {
		return err
	}
	c := newCopier(source, target, &Options{})
	err = c.each(ctx, section{follow: true, write: func(g *eventlog.Group) (bool, error) {
		if err := c.write(g, nil); err != nil {
			return false, err // it can only be closed
		}
		return false, c.sync()
	}})
	return cmp.Or(err, ctx.Err())
}

// explainDifference returns the error for a target with groups that the source does not have.
func explainDifference(ctx context.Context, source Source, target *DirectoryTarget) error {
	common, err := commonEnd(ctx, source, target)
	if err != nil {
		return err
	}
	path, tail := target.directory.path, target.Tail()
	if common.Index == 0 {
		return &dcb.Error{Kind: dcb.ErrIntegrity, Detail: fmt.Sprintf("%s contains another store than the server; choose another directory", path)}
	}
	where := fmt.Sprintf("from position %d on; %s ends at position %d", common.Next, path, tail.Next-1)
	if common.Next == tail.Next {
		where = fmt.Sprintf("after position %d, in tracking or where the store was closed", tail.Next-1)
	}
	return &dcb.Error{Kind: dcb.ErrIntegrity, Detail: fmt.Sprintf("%s has commits that the server does not have: they differ %s; keep the directory, copy what only it has by hand (umadb read --db-path %q --start %d), and start the standby in another directory", path, where, path, common.Next)}
}

// commonEnd returns the state after the last group that the source has too.
func commonEnd(ctx context.Context, source Source, target *DirectoryTarget) (eventlog.Tail, error) {
	var failed error
	differs := func(tail eventlog.Tail) bool {
		if failed != nil || tail.Index == 0 {
			return false
		}
		err := Probe(ctx, source, tail.ID())
		if err != nil && !errors.Is(err, dcb.ErrIntegrity) {
			failed = err
		}
		return err != nil
	}
	segments := target.Log().Segments()
	n := sort.Search(len(segments), func(i int) bool { return differs(segments[i].Start().Tail) })
	if n == 0 || failed != nil {
		return eventlog.Tail{Next: 1}, failed
	}
	tails, err := tailsFrom(target, segments[n-1].Start())
	if err != nil {
		return eventlog.Tail{}, err
	}
	n = sort.Search(len(tails), func(i int) bool { return differs(tails[i]) })
	return tails[max(n, 1)-1], failed
}

// tailsFrom returns the states of the target at a point and after each group of its segment.
func tailsFrom(target *DirectoryTarget, from eventlog.Point) ([]eventlog.Tail, error) {
	tails := []eventlog.Tail{from.Tail}
	r, err := target.Log().NewReader(from)
	for err == nil {
		var g eventlog.Group
		if g, err = r.Next(target.Tail().Index); err == nil && g.Base != from.Base {
			return tails, nil
		}
		if err == nil {
			tails = append(tails, g.Tail())
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return tails, asError(err, "reading the log of "+target.directory.path)
}

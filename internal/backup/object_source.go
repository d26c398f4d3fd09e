package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
)

// ObjectSource is a backup in an object store, as it was when it was opened.
type ObjectSource struct {
	objects Objects
	list    *objectList
}

// OpenObjectSource lists the backup in an object store.
func OpenObjectSource(ctx context.Context, objects Objects) (*ObjectSource, error) {
	list, err := listObjects(ctx, objects)
	if err == nil && list.end().Index == 0 {
		err = &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("there is no backup in %s", objects)}
	}
	return &ObjectSource{objects: objects, list: list}, err
}

// Head returns the position of the last event, 0 if there is none.
func (s *ObjectSource) Head(context.Context) (uint64, error) { return s.list.end().Next - 1, nil }

// Close implements io.Closer.
func (s *ObjectSource) Close() error { return nil }

// Groups implements Source. It cannot follow. If objects are replaced meanwhile by others with
// the same groups, it continues with those, up to the end that the backup had at the start.
func (s *ObjectSource) Groups(ctx context.Context, after eventlog.GroupID, _ bool) iter.Seq2[eventlog.Group, error] {
	return func(yield func(eventlog.Group, error) bool) {
		end := s.list.end().Index
		for attempt, list := 1, s.list; ; attempt++ {
			failed := error(nil)
			for g, err := range list.groups(ctx, s.objects, after) {
				if failed = err; failed != nil {
					break
				}
				if g.Index > end || !yield(g, nil) {
					return
				}
				attempt, after = 1, g.Tail().ID()
			}
			if failed != nil && errors.Is(failed, ErrMissing) && attempt < listAttempts {
				list, failed = listObjects(ctx, s.objects)
				if failed == nil {
					continue
				}
			}
			if failed != nil {
				yield(eventlog.Group{}, failed)
			}
			return
		}
	}
}

// groups iterates over the groups after one, which it verifies.
func (l *objectList) groups(ctx context.Context, objects Objects, after eventlog.GroupID) iter.Seq2[eventlog.Group, error] {
	return func(yield func(eventlog.Group, error) bool) {
		checker := eventlog.Checker{ID: l.id, Tail: eventlog.Tail{Next: 1}}
		for _, p := range l.pieces() {
			if p.last == after.Index && p.chain != after.Chain {
				yield(eventlog.Group{}, otherHistory(objects, after.Index))
				return
			}
			if p.last <= after.Index {
				checker.Tail, checker.Base = p.tail(), l.baseAfter(&p)
				continue
			}
			for g, err := range pieceGroups(ctx, objects, &p, &checker) {
				if err == nil && g.Index == after.Index && g.Chain != after.Chain {
					err = otherHistory(objects, after.Index)
				}
				if err == nil && g.Index <= after.Index {
					continue
				}
				if !yield(g, err) || err != nil {
					return
				}
			}
		}
		if after.Index > l.end().Index {
			yield(eventlog.Group{}, otherHistory(objects, after.Index))
		}
	}
}

func otherHistory(objects Objects, index uint64) error {
	return &dcb.Error{Kind: dcb.ErrIntegrity, Detail: fmt.Sprintf("%s has another group %d, or ends before it", objects, index)}
}

// pieceGroups iterates over the groups of an object that follow those that checker has
// verified, and verifies them. An invalid object is corruption.
func pieceGroups(ctx context.Context, objects Objects, p *piece, checker *eventlog.Checker) iter.Seq2[eventlog.Group, error] {
	return func(yield func(eventlog.Group, error) bool) {
		r, err := objects.Get(ctx, p.Name)
		if err != nil {
			yield(eventlog.Group{}, err)
			return
		}
		defer r.Close()
		counted := &countingReader{r: r}
		groups := eventlog.NewGroupBytes(counted, p.Size)
		for {
			var g eventlog.Group
			g, err = groups.Next()
			if err == nil && checker.Tail.Index < p.continuesWith && p.first <= g.Index && g.Index < p.continuesWith {
				continue // another object had it
			}
			if err == nil {
				err = checker.Check(&g)
			}
			if err == nil && g.Index > p.last {
				err = fmt.Errorf("it contains group %d", g.Index)
			}
			if err != nil {
				break
			}
			if !yield(g, nil) {
				return
			}
		}
		if errors.Is(err, io.EOF) {
			end, want := checker.Tail, p.tail()
			want.Time = end.Time
			if end == want {
				return
			}
			err = fmt.Errorf("it ends with group %d at position %d, not as its name describes", end.Index, end.Next-1)
		}
		yield(eventlog.Group{}, pieceError(ctx, objects, p, counted, err))
	}
}

// pieceError distinguishes an invalid object from one that could not be read.
func pieceError(ctx context.Context, objects Objects, p *piece, read *countingReader, err error) error {
	name := fmt.Sprintf("%s/%s", objects, p.Name)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case read.err != nil:
		return asTransport(fmt.Sprintf("reading %s, after %d of %d bytes", name, read.n, p.Size), read.err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("its last group is incomplete")
	}
	return &dcb.Error{Kind: dcb.ErrCorruption, Detail: fmt.Sprintf("%s, after %d of %d bytes", name, read.n, p.Size), Cause: err}
}

// countingReader counts bytes, and keeps the error of reading.
type countingReader struct {
	r   io.Reader
	n   int64
	err error
}

// Read implements io.Reader.
func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

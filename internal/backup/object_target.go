package backup

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
)

// closePatience bounds the upload of the last groups after an interruption.
const closePatience = 10 * time.Second

// ObjectTarget is a backup in an object store, while it is written. Groups are collected in
// a temporary file. When a segment is complete, it becomes an object, and the objects with
// parts of it are deleted. Sync creates an object with the groups since the last one.
type ObjectTarget struct {
	ctx     context.Context
	objects Objects
	retry   func(error) // nil without retries
	list    *objectList
	checker eventlog.Checker
	spool   *spool // the groups after the last one in list
	keep    bool   // objects may not be deleted, so they are not merged either
}

// OpenObjectTarget continues the backup in an object store, or starts one. After ctx is
// done, only Close uploads. If retry is not nil, it is called when the object store cannot be
// reached, and each upload is repeated until it succeeds or ctx is done.
func OpenObjectTarget(ctx context.Context, objects Objects, retry func(error)) (*ObjectTarget, error) {
	list, err := listObjects(ctx, objects)
	if err != nil {
		return nil, err
	}
	t := &ObjectTarget{ctx: ctx, objects: objects, retry: retry, list: list}
	t.checker = eventlog.Checker{ID: list.id, Tail: list.end()}
	if all := list.pieces(); len(all) > 0 {
		t.checker.Base = list.baseAfter(&all[len(all)-1])
	}
	if t.spool, err = newSpool(t.checker.Tail); err != nil {
		return nil, asError(err, "creating a temporary file")
	}
	err = t.deleteObsolete()
	if err == nil {
		err = t.deleteContained()
	}
	if err != nil {
		return nil, errors.Join(err, t.spool.close())
	}
	return t, nil
}

// Tail implements Target. The time is zero if no group was written yet.
func (t *ObjectTarget) Tail() eventlog.Tail { return t.checker.Tail }

// Durable returns the state after the last group that is in an object. The time may be zero.
func (t *ObjectTarget) Durable() eventlog.Tail {
	if end := t.list.end(); end.Index < t.checker.Tail.Index {
		return end
	}
	return t.checker.Tail
}

// Write implements Target.
func (t *ObjectTarget) Write(g *eventlog.Group) error {
	if g.SegmentHeader != nil {
		if err := t.claim(g.SegmentHeader); err != nil {
			return err
		}
	}
	next := t.checker
	if err := next.Check(g); err != nil {
		return err
	}
	if g.SegmentHeader != nil && t.checker.Tail.Index > t.list.sealed().Index {
		if err := t.seal(); err != nil {
			return err
		}
	}
	t.checker = next
	return asError(t.spool.add(g), "writing a temporary file")
}

// claim creates the object with the identity of the store, or compares it.
func (t *ObjectTarget) claim(segmentHeader []byte) error {
	id, err := eventlog.StoreOf(segmentHeader)
	if err != nil {
		return fmt.Errorf("%w: %w", eventlog.ErrNotNext, err)
	}
	if t.list.id == (eventlog.StoreID{}) {
		content, err := json.Marshal(origin{Format: 1, StoreID: hex.EncodeToString(id[:])})
		if err != nil {
			return err
		}
		err = t.put(t.ctx, originName, string(content))
		if err != nil && !errors.Is(err, ErrExists) {
			return err
		}
		if t.list.id, err = readOrigin(t.ctx, t.objects); err != nil {
			return err
		}
	}
	if t.list.id != id {
		return &dcb.Error{Kind: dcb.ErrIntegrity, Detail: fmt.Sprintf("%s belongs to the store %x, and the source is the store %x", t.objects, t.list.id, id)}
	}
	return nil
}

// Sync implements Target: it creates an object with the groups that are in none.
func (t *ObjectTarget) Sync() error {
	if err := t.sync(t.ctx); err != nil {
		return err
	}
	return t.merge()
}

func (t *ObjectTarget) sync(ctx context.Context) error {
	from := t.list.end()
	if t.checker.Tail.Index == from.Index {
		return nil
	}
	content, err := t.spool.after(from.Index)
	if err != nil {
		return asError(err, "reading a temporary file")
	}
	p := newPiece(from, t.checker.Tail)
	p.Object = Object{Name: pieceName(&p), Size: content.Size()}
	if err := t.upload(ctx, p.Name, content); err != nil {
		return err
	}
	t.list.tails = append(t.list.tails, p)
	t.spool.mark(p.last)
	return nil
}

// newPiece returns the piece with the groups from one state of the log to a later one.
func newPiece(from, to eventlog.Tail) piece {
	return piece{start: from.Next, next: to.Next, first: from.Index + 1, last: to.Index, chain: to.Chain, continuesWith: from.Index + 1}
}

// seal creates the object of the segment, and deletes those with parts of it.
func (t *ObjectTarget) seal() error {
	if err := t.completeSpool(); err != nil {
		return err
	}
	content, err := t.spool.after(t.list.sealed().Index)
	if err != nil {
		return asError(err, "reading a temporary file")
	}
	p := newPiece(t.list.sealed(), t.checker.Tail)
	p.segment = true
	p.Object = Object{Name: pieceName(&p), Size: content.Size()}
	err = t.upload(t.ctx, p.Name, content)
	if err == nil {
		err = t.verify(t.ctx, p.Name, p.Size)
	}
	if err != nil {
		return err
	}
	for _, tail := range t.list.tails {
		t.list.obsolete = append(t.list.obsolete, tail.Name)
	}
	t.list.segments, t.list.tails = append(t.list.segments, p), nil
	if err := t.spool.reset(t.checker.Tail); err != nil {
		return asError(err, "emptying a temporary file")
	}
	return t.deleteObsolete()
}

// Close uploads the last groups.
func (t *ObjectTarget) Close() error {
	ctx := t.ctx
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), closePatience)
		defer cancel()
		t.retry = nil
	}
	err := t.sync(ctx)
	if err != nil {
		err = fmt.Errorf("%w; the last %d commits are not in %s: run the same command again", err, t.checker.Tail.Index-t.list.end().Index, t.objects)
	} else if t.ctx.Err() == nil {
		err = t.merge()
	}
	return errors.Join(err, asError(t.spool.close(), "closing a temporary file"))
}

package backup

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
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
	if err := t.deleteObsolete(); err != nil {
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

// BeforeClose implements Target. Backups in an object store are not opened.
func (t *ObjectTarget) BeforeClose() (tail eventlog.Tail, closed bool, err error) {
	return tail, false, nil
}

// RemoveClose implements Target.
func (t *ObjectTarget) RemoveClose(eventlog.Tail) error { return nil }

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

func (t *ObjectTarget) put(ctx context.Context, name, content string) error {
	return t.upload(ctx, name, io.NewSectionReader(strings.NewReader(content), 0, int64(len(content))))
}

// upload creates an object. Without an error there is one with this name and size.
func (t *ObjectTarget) upload(ctx context.Context, name string, content *io.SectionReader) error {
	err := t.repeat(ctx, func() error {
		if _, err := content.Seek(0, io.SeekStart); err != nil {
			return err
		}
		return t.objects.Put(ctx, name, content)
	})
	if !errors.Is(err, ErrExists) || name == originName {
		return err
	}
	// An attempt whose answer was lost, or another backup of the same groups.
	return t.verify(ctx, name, content.Size())
}

// verify checks that an object exists and has a size.
func (t *ObjectTarget) verify(ctx context.Context, name string, want int64) error {
	var size int64
	err := t.repeat(ctx, func() (err error) {
		size, err = t.objects.Size(ctx, name)
		return err
	})
	if err == nil && size != want {
		err = &dcb.Error{Kind: dcb.ErrCorruption, Detail: fmt.Sprintf("%s/%s has %d bytes instead of %d", t.objects, name, size, want)}
	}
	return err
}

// repeat repeats an action while the object store cannot be reached.
func (t *ObjectTarget) repeat(ctx context.Context, action func() error) error {
	for pause := firstRetry; ; pause = min(2*pause, lastRetry) {
		err := action()
		if t.retry == nil || ctx.Err() != nil || !errors.Is(err, dcb.ErrTransport) {
			return err
		}
		t.retry(err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// Sync implements Target: it creates an object with the groups that are in none.
func (t *ObjectTarget) Sync() error { return t.sync(t.ctx) }

func (t *ObjectTarget) sync(ctx context.Context) error {
	from := t.list.end()
	if t.checker.Tail.Index == from.Index {
		return nil
	}
	content, err := t.spool.after(from.Index)
	if err != nil {
		return asError(err, "reading a temporary file")
	}
	p := t.piece(from)
	p.Object = Object{Name: pieceName(&p), Size: content.Size()}
	if err := t.upload(ctx, p.Name, content); err != nil {
		return err
	}
	t.list.tails = append(t.list.tails, p)
	t.spool.mark(p.last)
	return nil
}

// piece returns the piece with the groups after one.
func (t *ObjectTarget) piece(from eventlog.Tail) piece {
	tail := t.checker.Tail
	return piece{start: from.Next, next: tail.Next, first: from.Index + 1, last: tail.Index, chain: tail.Chain, continuesWith: from.Index + 1}
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
	p := t.piece(t.list.sealed())
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

// completeSpool reads the start of the segment from objects, if it was written by an earlier
// backup.
func (t *ObjectTarget) completeSpool() error {
	if t.spool.from == t.list.sealed().Index {
		return nil
	}
	sealed := t.list.sealed()
	whole, err := newSpool(sealed)
	if err != nil {
		return asError(err, "creating a temporary file")
	}
	checker := eventlog.Checker{ID: t.list.id, Tail: sealed}
	if n := len(t.list.segments); n > 0 {
		checker.Base = t.list.segments[n-1].start
	}
	for _, p := range t.list.tails {
		if p.last > t.spool.from {
			break
		}
		for g, err := range pieceGroups(t.ctx, t.objects, &p, &checker) {
			if err == nil {
				err = asError(whole.add(&g), "writing a temporary file")
			}
			if err != nil {
				return errors.Join(err, whole.close())
			}
		}
	}
	if err := whole.append(t.spool); err != nil {
		return errors.Join(asError(err, "writing a temporary file"), whole.close())
	}
	old := t.spool
	t.spool = whole
	return asError(old.close(), "closing a temporary file")
}

// deleteObsolete deletes tail objects that are contained in segments. They may remain if
// the key may not delete objects.
func (t *ObjectTarget) deleteObsolete() error {
	for _, name := range t.list.obsolete {
		err := t.repeat(t.ctx, func() error { return t.objects.Delete(t.ctx, name) })
		if errors.Is(err, dcb.ErrAuthentication) {
			break
		}
		if err != nil {
			return err
		}
	}
	t.list.obsolete = nil
	return nil
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
	}
	return errors.Join(err, asError(t.spool.close(), "closing a temporary file"))
}

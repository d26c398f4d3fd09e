package backup

import (
	"errors"
	"io"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
)

// A backup that follows a store creates an object every few seconds, and one that is started
// each hour creates one each time. They are merged as they become many: the last ones as soon
// as all together are mergeFactor times as large as the largest of them. So each group is
// uploaded about once for each power of mergeFactor, and few objects of each size remain.
const (
	mergeFactor = 8
	// mergeBelow is the size from which an object is not merged: a segment has few of these.
	mergeBelow = 8 << 20
	// mergeObjects bounds the number of objects that are merged at once.
	mergeObjects = 512
)

// mergeable returns how many of the last tail objects are to be merged.
func mergeable(tails []piece) (n int) {
	sum, largest := int64(0), int64(0)
	for i := range min(len(tails), mergeObjects) {
		size := tails[len(tails)-1-i].Size
		if size >= mergeBelow {
			break
		}
		sum, largest = sum+size, max(largest, size)
		if sum >= mergeFactor*largest {
			n = i + 1
		}
	}
	return n
}

// merge creates an object with the groups of the last tail objects if there are many, and
// deletes these.
func (t *ObjectTarget) merge() error {
	n := mergeable(t.list.tails)
	if n == 0 || t.keep {
		return nil
	}
	before, parts := t.list.tails[:len(t.list.tails)-n], t.list.tails[len(t.list.tails)-n:]
	from := t.list.sealed()
	if len(before) > 0 {
		from = before[len(before)-1].tail()
	}
	content, done, err := t.contentOf(from, parts)
	if err != nil {
		if errors.Is(err, ErrMissing) {
			return nil // another backup has merged them
		}
		return err
	}
	p := newPiece(from, parts[n-1].tail())
	p.Object = Object{Name: pieceName(&p), Size: content.Size()}
	err = t.upload(t.ctx, p.Name, content)
	if err == nil {
		err = t.verify(t.ctx, p.Name, p.Size)
	}
	if err = errors.Join(err, done()); err != nil {
		return err
	}
	for _, part := range parts {
		t.list.obsolete = append(t.list.obsolete, part.Name)
	}
	t.list.tails = append(before, p)
	return t.deleteObsolete()
}

// contentOf returns the groups of consecutive tail objects, and a function to be called after
// they were used. They are read from the objects if an earlier backup has written these.
func (t *ObjectTarget) contentOf(from eventlog.Tail, parts []piece) (content *io.SectionReader, done func() error, err error) {
	last := parts[len(parts)-1].last
	content, err = t.spool.between(from.Index, last)
	if !errors.Is(err, errNotMarked) {
		return content, func() error { return nil }, asError(err, "reading a temporary file")
	}
	s, err := newSpool(from)
	if err != nil {
		return nil, nil, asError(err, "creating a temporary file")
	}
	checker := eventlog.Checker{ID: t.list.id, Tail: from, Base: t.baseAt(from)}
	for _, p := range parts {
		if err == nil {
			err = s.addAll(pieceGroups(t.ctx, t.objects, &p, &checker), p.last)
		}
	}
	if err == nil {
		content, err = s.after(from.Index)
	}
	if err != nil {
		return nil, nil, errors.Join(asError(err, "reading a temporary file"), s.close())
	}
	return content, func() error { return asError(s.close(), "closing a temporary file") }, nil
}

// baseAt returns the base of the segment with the group at the end of the segments or of a
// tail object.
func (t *ObjectTarget) baseAt(end eventlog.Tail) uint64 {
	switch n := len(t.list.segments); {
	case end.Index != t.list.sealed().Index:
		return t.list.sealed().Next
	case n > 0:
		return t.list.segments[n-1].start
	}
	return 0
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
	// Another backup may have replaced the objects since they were listed.
	list, err := listObjects(t.ctx, t.objects)
	if err == nil {
		source := ObjectSource{objects: t.objects, list: list}
		err = whole.addAll(source.Groups(t.ctx, sealed.ID(), false), t.spool.from)
	}
	if err == nil {
		err = asError(whole.append(t.spool), "writing a temporary file")
	}
	if err != nil {
		return errors.Join(err, whole.close())
	}
	old := t.spool
	t.spool = whole
	return asError(old.close(), "closing a temporary file")
}

// deleteObsolete deletes tail objects whose groups are in others. They may remain if
// the key may not delete objects.
func (t *ObjectTarget) deleteObsolete() error {
	for _, name := range t.list.obsolete {
		err := t.repeat(t.ctx, func() error { return t.objects.Delete(t.ctx, name) })
		if errors.Is(err, dcb.ErrAuthentication) {
			t.keep = true
			break
		}
		if err != nil {
			return err
		}
	}
	t.list.obsolete = nil
	return nil
}

// deleteContained deletes the parts of merged objects that an interrupted backup has left, after
// it has verified that the merged objects have their groups.
func (t *ObjectTarget) deleteContained() error {
	for i := len(t.list.tails) - 1; i >= 0 && !t.keep; i-- { // the last ones are the smallest
		parts := t.list.contained[i]
		if len(parts) == 0 {
			continue
		}
		from := t.list.sealed()
		if i > 0 {
			from = t.list.tails[i-1].tail()
		}
		chains := map[uint64]uint64{}
		checker := eventlog.Checker{ID: t.list.id, Tail: from, Base: t.baseAt(from)}
		for g, err := range pieceGroups(t.ctx, t.objects, &t.list.tails[i], &checker) {
			if errors.Is(err, ErrMissing) {
				return nil // another backup has merged it
			}
			if err != nil {
				return err
			}
			chains[g.Index] = g.Chain
		}
		for _, p := range parts {
			if chains[p.last] != p.chain {
				return twoHistories(t.objects, &t.list.tails[i], &p)
			}
			t.list.obsolete = append(t.list.obsolete, p.Name)
		}
		if err := t.deleteObsolete(); err != nil {
			return err
		}
	}
	return nil
}

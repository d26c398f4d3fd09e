package backup

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
)

// objectList is the content of a backup in an object store, as its names describe it.
type objectList struct {
	id       eventlog.StoreID // zero if there is no origin
	segments []piece          // consecutive, from the first group
	tails    []piece          // those that continue the segments, consecutive
	obsolete []string         // tail objects whose groups are in segments
	// contained are other tail objects, by the index in tails of one with the same groups and
	// more: parts of a merged object.
	contained map[int][]piece
}

// origin is the content of the object with the identity of the store.
type origin struct {
	Format  int    `json:"format"`
	StoreID string `json:"store_id"`
}

// listAttempts is how often a backup is listed. A list is not a snapshot: an object that
// replaces others can be missing in it as well as these.
const listAttempts = 6

// gapError is the error of a list in which an object is missing.
type gapError struct{ error }

func (e gapError) Unwrap() error { return e.error }

// listObjects lists a backup.
func listObjects(ctx context.Context, objects Objects) (list *objectList, err error) {
	for range listAttempts {
		list, err = listOnce(ctx, objects)
		if _, gap := errors.AsType[gapError](err); !gap {
			break
		}
	}
	return list, err
}

func listOnce(ctx context.Context, objects Objects) (*objectList, error) {
	all, err := objects.List(ctx, "")
	if err != nil {
		return nil, err
	}
	l := &objectList{}
	var tails []piece
	hasOrigin := false
	for _, o := range all {
		p, valid := parsePiece(o)
		switch {
		case valid && p.segment:
			l.segments = append(l.segments, p)
		case valid:
			tails = append(tails, p)
		case o.Name == originName:
			hasOrigin = true
		}
	}
	if hasOrigin {
		l.id, err = readOrigin(ctx, objects)
	} else if len(l.segments)+len(tails) > 0 {
		err = missing(objects, originName, "it has the identity of the store")
	}
	if err == nil {
		err = l.orderSegments(objects)
	}
	if err == nil {
		err = l.selectTails(objects, tails)
	}
	return l, err
}

func missing(objects Objects, name, why string) error {
	return gapError{&dcb.Error{Kind: dcb.ErrCorruption, Detail: fmt.Sprintf("%s/%s is missing: %s", objects, name, why)}}
}

func twoHistories(objects Objects, a, b *piece) error {
	return &dcb.Error{Kind: dcb.ErrIntegrity, Detail: fmt.Sprintf("%s contains two histories: %s and %s; two stores were backed up to it", objects, a.Name, b.Name)}
}

// orderSegments checks that the segments are consecutive.
func (l *objectList) orderSegments(objects Objects) error {
	slices.SortFunc(l.segments, func(a, b piece) int { return cmp.Compare(a.first, b.first) })
	next := uint64(1)
	for i := range l.segments {
		p := &l.segments[i]
		switch {
		case p.first < next:
			return twoHistories(objects, &l.segments[i-1], p)
		case p.first > next:
			return missing(objects, segmentPrefix, fmt.Sprintf("there is no segment with groups %d to %d", next, p.first-1))
		}
		p.continuesWith, next = p.first, p.last+1
	}
	return nil
}

// selectTails selects the tail objects that continue the segments. Two backups of one store
// at the same time can create overlapping ones.
func (l *objectList) selectTails(objects Objects, tails []piece) error {
	slices.SortFunc(tails, func(a, b piece) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.last, b.last)) })
	all, ends := tails, map[uint64]*piece{}
	for i := range tails {
		p := &tails[i]
		if other := ends[p.last]; other != nil && other.chain != p.chain {
			return twoHistories(objects, other, p)
		}
		ends[p.last] = p
	}
	for len(tails) > 0 {
		next := l.end().Index + 1
		var best *piece
		for len(tails) > 0 && tails[0].first <= next {
			if p := tails[0]; p.last < next {
				if p.last <= l.sealed().Index {
					l.obsolete = append(l.obsolete, p.Name)
				}
			} else if best == nil || p.last > best.last {
				best = &p
			}
			tails = tails[1:]
		}
		if best == nil {
			if len(tails) == 0 {
				break
			}
			return missing(objects, tailPrefix, fmt.Sprintf("there is no object with groups %d to %d", next, tails[0].first-1))
		}
		best.continuesWith = next
		l.tails = append(l.tails, *best)
	}
	l.findContained(all)
	return nil
}

// findContained finds the tail objects that another one contains as a whole.
func (l *objectList) findContained(all []piece) {
	l.contained = map[int][]piece{}
	i := 0
	for _, p := range all { // both are in order
		for i < len(l.tails) && l.tails[i].last < p.first {
			i++
		}
		if i == len(l.tails) {
			return
		}
		if in := &l.tails[i]; in.continuesWith <= p.first && p.last <= in.last && in.Name != p.Name {
			l.contained[i] = append(l.contained[i], p)
		}
	}
}

// sealed returns the end of the segments.
func (l *objectList) sealed() eventlog.Tail {
	if len(l.segments) == 0 {
		return eventlog.Tail{Next: 1}
	}
	return l.segments[len(l.segments)-1].tail()
}

// end returns the end of the backup. The time is unknown.
func (l *objectList) end() eventlog.Tail {
	if len(l.tails) == 0 {
		return l.sealed()
	}
	return l.tails[len(l.tails)-1].tail()
}

// baseAfter returns the base of the segment with the last group of a piece.
func (l *objectList) baseAfter(p *piece) uint64 {
	if p.segment {
		return p.start
	}
	return l.sealed().Next
}

// pieces returns all objects that are needed, in order.
func (l *objectList) pieces() []piece { return slices.Concat(l.segments, l.tails) }

func readOrigin(ctx context.Context, objects Objects) (id eventlog.StoreID, err error) {
	r, err := objects.Get(ctx, originName)
	if err != nil {
		return id, err
	}
	content, err := io.ReadAll(io.LimitReader(r, 4096))
	if err = errors.Join(err, r.Close()); err != nil {
		return id, asTransport(fmt.Sprintf("reading %s/%s", objects, originName), err)
	}
	var o origin
	err = json.Unmarshal(content, &o)
	if err == nil && o.Format != 1 {
		return id, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("%s/%s has format %d; this program supports format 1", objects, originName, o.Format)}
	}
	stored, hexErr := hex.DecodeString(o.StoreID)
	if err != nil || hexErr != nil || copy(id[:], stored) != len(id) {
		return id, &dcb.Error{Kind: dcb.ErrCorruption, Detail: fmt.Sprintf("%s/%s does not name a store", objects, originName), Cause: err}
	}
	return id, nil
}

// asTransport returns the error of an attempt that may be repeated.
func asTransport(doing string, err error) error {
	if _, known := errors.AsType[*dcb.Error](err); known {
		return err
	}
	return &dcb.Error{Kind: dcb.ErrTransport, Detail: doing, Cause: err}
}

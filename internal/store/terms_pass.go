package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/record"
)

const (
	// entriesPerSlice is the number of index entries that are read in a slice of a pass.
	entriesPerSlice = 256 << 10
	// interruptedEvery is the number of terms after which a pass checks for cancellation.
	interruptedEvery = 4096
	// rankedBytes is the maximum total length of the names of an answer in an order, if it has
	// more than one name.
	rankedBytes = 192 << 10
	// comparedBytes is the maximum total length of the names that a pass keeps to compare, likewise.
	comparedBytes = 4 << 20
)

// termPass is a pass over the terms of the whole index, in slices. A slice needs memory for
// windows of all blocks, so only one runs at a time: each acquires the slot for passes. No memory
// is used between slices, but that of the order of the terms, which the head blocks keep.
type termPass struct {
	store  *Store
	kind   index.Kind
	prefix string
	from   *index.Term // the first term of the next slice; nil for the first of all
	end    bool
}

// slice calls visit with the terms of the kind with the prefix, in the order of the index, until
// visit returns false, and then has not consumed the term, or until the end of the slice. The
// name is valid until visit returns.
func (p *termPass) slice(ctx context.Context, w exactSnapshot, visit func(dcb.TermCount) bool) error {
	if err := p.store.slots.passes.Acquire(ctx, 1); err != nil {
		return err
	}
	defer p.store.slots.passes.Release(1)
	scan, err := p.scan(w)
	for n := 0; err == nil; n++ {
		var total index.TermTotal
		var more bool
		if n%interruptedEvery == 0 {
			if err = p.store.interrupted(ctx); err != nil {
				break
			}
		}
		total, more, err = scan.Next()
		switch {
		case err != nil:
		case !more:
			p.end = true
			return nil
		case n > 0 && scan.Entries() > p.store.slots.passEntries, p.selects(&total) && !visit(dcb.TermCount{Name: total.Text, Events: total.Count}):
			total.Text = strings.Clone(total.Text)
			p.from = &total.Term
			return nil
		}
	}
	p.store.markCorrupt(w.blocks, err)
	return err
}

func (p *termPass) selection() index.TermSelection {
	return index.TermSelection{Kind: p.kind, Prefix: p.prefix, From: p.from}
}

func (p *termPass) selects(t *index.TermTotal) bool {
	return t.Kind == p.kind && strings.HasPrefix(t.Text, p.prefix)
}

// scan starts at the first term of the next slice.
func (p *termPass) scan(w exactSnapshot) (*index.TermScan, error) {
	blocks := make([]*index.Block, len(w.blocks))
	for i, b := range w.blocks {
		blocks[i] = b.Block
	}
	var heads []*index.HeadTerms
	for _, h := range w.heads {
		heads = append(heads, h.ReadTerms(w.head, p.selection()))
	}
	return index.ScanTerms(blocks, heads, p.from)
}

// anyTerms are terms in the order of the index, at most limit; 0 for all. Each message has the
// counts of its own snapshot.
type anyTerms struct {
	pass         termPass
	limit, found uint64
}

func (a *anyTerms) fill(ctx context.Context, m *termMessage) (bool, error) {
	w := a.pass.store.exactSnapshot()
	defer w.release()
	full := false
	for !full && !a.pass.end && !a.isEnough() {
		err := a.pass.slice(ctx, w, func(t dcb.TermCount) bool {
			if !m.put(&record.Term{Kind: record.TermKind(a.pass.kind), TermCount: t}) {
				full = true
				return false
			}
			a.found++
			return !a.isEnough()
		})
		if err != nil {
			return false, err
		}
	}
	if a.pass.end {
		m.end(a.found)
	}
	return !full, nil
}

func (a *anyTerms) isEnough() bool { return a.limit > 0 && a.found == a.limit }

// rankedTerms are the first terms of an order, in one message, at one snapshot.
type rankedTerms struct {
	pass    termPass
	ranking ranking
}

func (r *rankedTerms) fill(ctx context.Context, m *termMessage) (bool, error) {
	w := r.pass.store.exactSnapshot()
	defer w.release()
	for !r.pass.end {
		if err := r.pass.slice(ctx, w, r.add); err != nil {
			return false, err
		}
		if r.isLongerThan(comparedBytes) {
			return false, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the names of %d types or tags that are compared have more than %d KiB; lower the limit, or name a longer prefix", len(r.ranking.kept), comparedBytes>>10)}
		}
	}
	if r.isLongerThan(rankedBytes) {
		return false, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the names of the first %d types or tags have more than %d KiB; lower the limit, or name a longer prefix", len(r.ranking.kept), rankedBytes>>10)}
	}
	size := record.MaxDistinctBytes
	terms := make([]record.Term, 0, len(r.ranking.kept))
	for _, t := range r.ranking.sorted() {
		terms = append(terms, record.Term{Kind: record.TermKind(r.pass.kind), TermCount: t})
		size += record.SizeOfTerm(&terms[len(terms)-1])
	}
	if size > m.space {
		m.need = size
		return false, nil
	}
	for i := range terms {
		m.bytes = record.AppendTerm(m.bytes, &terms[i])
	}
	m.terms = len(terms)
	m.end(r.ranking.seen)
	return true, nil
}

// add counts a term and reports whether the pass continues.
func (r *rankedTerms) add(t dcb.TermCount) bool {
	r.ranking.add(t)
	return !r.isLongerThan(comparedBytes)
}

// isLongerThan reports whether several names are kept, of more bytes than a maximum.
func (r *rankedTerms) isLongerThan(maximum int) bool {
	return r.ranking.bytes > maximum && len(r.ranking.kept) > 1
}

package index

import (
	"cmp"

	"github.com/zeebo/xxh3"
)

// Kinds of term, as on disk.
const (
	KindType   Kind = 1 // an event type
	KindTag    Kind = 2 // a tag
	kindSource Kind = 3 // a tracking source; its value is a position upstream
)

// Kind is the kind of a term.
type Kind uint8

// Term is a lookup key of the index: a text of a kind. The hash only orders and finds
// terms; two terms are equal if kind and text are.
type Term struct {
	hash uint64
	Kind Kind
	Text string
}

// Hasher makes terms. Its seed differs from store to store, so that a client cannot
// choose texts with colliding hashes.
type Hasher uint64

// NewHasher returns the hasher of a store.
func NewHasher(store [16]byte) Hasher { return Hasher(xxh3.Hash(store[:])) }

// Term returns the term of a text.
func (h Hasher) Term(kind Kind, text string) Term {
	return Term{hash: xxh3.HashStringSeed(text, uint64(h)+uint64(kind)), Kind: kind, Text: text}
}

// Source returns the term of a tracking source.
func (h Hasher) Source(name string) Term { return h.Term(kindSource, name) }

// Hash returns the hash of the term. Different terms may have the same hash.
func (t *Term) Hash() uint64 { return t.hash }

// IsSource reports whether the term is a tracking source.
func (t *Term) IsSource() bool { return t.Kind == kindSource }

// compareTerms compares terms by their order in a block.
func compareTerms(a, b Term) int {
	if a.hash != b.hash { // as most do
		return cmp.Compare(a.hash, b.hash)
	}
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Text, b.Text))
}

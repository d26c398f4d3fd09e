package encoding

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/umadb-go/umadb/dcb"
)

// Field numbers of umadb.v1.Query and QueryItem.
const (
	queryItem = 1

	itemType = 1
	itemTag  = 2
)

// queryParser parses a query. It copies the types and tags, because a query outlives
// the bytes of its request.
type queryParser struct {
	limit int // of terms, and of items
	terms int
	query dcb.Query
}

func (p *queryParser) parse(message []byte) error {
	return eachField(message, func(f field) error {
		if !f.message(queryItem) {
			return nil
		}
		if len(p.query.Items) >= p.limit {
			return p.tooMany()
		}
		p.query.Items = append(p.query.Items, dcb.QueryItem{})
		return p.parseItem(f.bytes, &p.query.Items[len(p.query.Items)-1])
	})
}

func (p *queryParser) parseItem(message []byte, item *dcb.QueryItem) error {
	return eachField(message, func(f field) error {
		switch {
		case f.message(itemType):
			return p.addTerm(&item.Types, f.bytes)
		case f.message(itemTag):
			return p.addTerm(&item.Tags, f.bytes)
		}
		return nil
	})
}

func (p *queryParser) addTerm(terms *[]string, term []byte) error {
	p.terms++
	if p.terms > p.limit {
		return p.tooMany()
	}
	if !utf8.Valid(term) {
		return invalid("a type or tag in item %d of the query is not valid UTF-8", len(p.query.Items))
	}
	*terms = append(*terms, string(term))
	return nil
}

func (p *queryParser) tooMany() error {
	return invalid("the query has more than %d types and tags, or more than %[1]d items, which is the limit", p.limit)
}

func appendQuery(dst []byte, query dcb.Query) []byte {
	for _, item := range query.Items {
		size := 0
		for _, terms := range [][]string{item.Types, item.Tags} {
			for _, term := range terms {
				size += sizeOfBytes(len(term))
			}
		}
		dst = protowire.AppendTag(dst, queryItem, protowire.BytesType)
		dst = protowire.AppendVarint(dst, uint64(size))
		for _, term := range item.Types {
			dst = appendBytes(dst, itemType, term)
		}
		for _, term := range item.Tags {
			dst = appendBytes(dst, itemTag, term)
		}
	}
	return dst
}

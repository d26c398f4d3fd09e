package record

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

// ValidateQuery returns an error if a query exceeds the limits or contains text that is not
// valid UTF-8.
func ValidateQuery(query dcb.Query, limits *dcb.Limits) error {
	c := queryCheck{limit: limits.QueryTerms}
	for _, item := range query.Items {
		if err := c.addItem(); err != nil {
			return err
		}
		for _, terms := range [][]string{item.Types, item.Tags} {
			for _, term := range terms {
				if err := c.addTerm(term); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// queryCheck checks a query item by item and term by term.
type queryCheck struct {
	limit        int // of terms, and of items
	items, terms int
}

func (c *queryCheck) addItem() error {
	c.items++
	return c.checkLimit()
}

func (c *queryCheck) addTerm(term string) error {
	c.terms++
	if err := c.checkLimit(); err != nil {
		return err
	}
	if !utf8.ValidString(term) {
		return invalid("a type or tag in item %d of the query is not valid UTF-8", c.items)
	}
	return nil
}

func (c *queryCheck) checkLimit() error {
	if c.items > c.limit || c.terms > c.limit {
		return invalid("the query has more than %d types and tags, or more than %[1]d items, which is the limit", c.limit)
	}
	return nil
}

// queryParser parses a query. It copies the types and tags, because a query outlives
// the bytes of its request.
type queryParser struct {
	check queryCheck
	query dcb.Query
}

func newQueryParser(limits *dcb.Limits) *queryParser {
	return &queryParser{check: queryCheck{limit: limits.QueryTerms}}
}

func (p *queryParser) parse(message []byte) error {
	return eachField(message, func(f field) error {
		if !f.message(queryItem) {
			return nil
		}
		if err := p.check.addItem(); err != nil {
			return err
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
	text := string(term)
	*terms = append(*terms, text)
	return p.check.addTerm(text)
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

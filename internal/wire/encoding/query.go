package encoding

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/umadb-go/umadb/dcb"
)

// Field numbers of umadb.v1.Query, QueryItem, AppendCondition and TrackingInfo.
const (
	queryItem = 1

	itemType = 1
	itemTag  = 2

	conditionQuery = 1
	conditionAfter = 2

	trackingSource   = 1
	trackingPosition = 2
)

// queryParser gathers a query. It copies what it keeps, for a query outlives
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
	return invalid("the query has more than %d types and tags, or items, which is the limit", p.limit)
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

// parseCondition adds a condition to what was parsed before: protobuf lets a
// message come in pieces, and all of them count.
func parseCondition(message []byte, p *queryParser, condition *dcb.AppendCondition) error {
	err := eachField(message, func(f field) error {
		switch {
		case f.message(conditionQuery):
			return p.parse(f.bytes)
		case f.scalar(conditionAfter):
			condition.After = f.varint
		}
		return nil
	})
	condition.FailIfEventsMatch = p.query
	return err
}

func appendCondition(dst []byte, condition *dcb.AppendCondition) []byte {
	dst = appendBytes(dst, conditionQuery, appendQuery(nil, condition.FailIfEventsMatch))
	if condition.After != 0 {
		dst = appendUint(dst, conditionAfter, condition.After)
	}
	return dst
}

// parseTracking adds tracking information to what was parsed before.
func parseTracking(message []byte, info *dcb.TrackingInfo) error {
	err := mergeTracking(message, info)
	switch {
	case err != nil:
		return err
	case len(info.Source) > dcb.MaxSourceBytes:
		return invalid("the tracking source takes %d bytes, over the limit of %d", len(info.Source), dcb.MaxSourceBytes)
	case !validText(message, trackingSource):
		return invalid("the tracking source is not valid UTF-8")
	}
	return nil
}

// CheckSource validates the name of a tracking source.
func CheckSource(source string) error {
	return parseTracking(AppendTracking(nil, &dcb.TrackingInfo{Source: source}), new(dcb.TrackingInfo))
}

func decodeTracking(message []byte) (*dcb.TrackingInfo, error) {
	info := new(dcb.TrackingInfo)
	return info, mergeTracking(message, info)
}

func mergeTracking(message []byte, info *dcb.TrackingInfo) error {
	return eachField(message, func(f field) error {
		switch {
		case f.message(trackingSource):
			info.Source = string(f.bytes)
		case f.scalar(trackingPosition):
			info.Position = f.varint
		}
		return nil
	})
}

// AppendTracking appends the encoding of a TrackingInfo.
func AppendTracking(dst []byte, info *dcb.TrackingInfo) []byte {
	dst = appendText(dst, trackingSource, info.Source)
	if info.Position != 0 {
		dst = appendUint(dst, trackingPosition, info.Position)
	}
	return dst
}

package record

import (
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/umadb-go/umadb/dcb"
)

// Field numbers of umadb.v1.TermsRequest, TermsResponse and Term. The query of a TermsRequest
// has the number of that of a ReadRequest.
const (
	termsKind   = 2
	termsPrefix = 3
	termsOrder  = 4
	termsLimit  = 5

	termsTerms    = 1
	termsDistinct = 2

	termKind   = 1
	termName   = 2
	termEvents = 3
)

// TermKind is a umadb.v1.Term.Kind.
type TermKind uint8

// The kinds of term.
const (
	TypeTerm TermKind = 1
	TagTerm  TermKind = 2
)

// Term is a umadb.v1.Term.
type Term struct {
	Kind TermKind
	dcb.TermCount
}

// TermsRequest is a validated umadb.v1.TermsRequest: for the terms of a query, or for those of
// a kind.
type TermsRequest struct {
	Query   *dcb.Query // nil if the terms are those of a kind
	Kind    TermKind
	Options dcb.TermsOptions
}

// ParseTerms decodes and validates a TermsRequest.
func ParseTerms(request []byte, limits *dcb.Limits) (*TermsRequest, error) {
	r := new(TermsRequest)
	p := newQueryParser(limits)
	err := eachField(request, func(f field) error {
		switch {
		case f.message(readQuery):
			r.Query = &p.query
			return p.parse(f.bytes)
		case f.scalar(termsKind):
			r.Kind = TermKind(min(f.varint, 1<<8-1))
		case f.message(termsPrefix):
			if len(f.bytes) > dcb.MaxPrefixBytes { // it is not copied
				return errLongPrefix
			}
			r.Options.Prefix = string(f.bytes)
		case f.scalar(termsOrder):
			r.Options.Order = dcb.TermOrder(min(f.varint, 1<<8-1))
		case f.scalar(termsLimit):
			r.Options.Limit = f.uint32()
		}
		return nil
	})
	if err == nil {
		err = r.Validate(limits)
	}
	return r, asInvalid(err)
}

var errLongPrefix = invalid("the prefix has more than %d bytes", dcb.MaxPrefixBytes)

// Validate returns an error if the request exceeds the limits, or is not valid.
func (r *TermsRequest) Validate(limits *dcb.Limits) error {
	if r.Query != nil {
		if r.Kind != 0 || r.Options != (dcb.TermsOptions{}) {
			return invalid("the request has a query, and other fields too")
		}
		return ValidateQuery(*r.Query, limits)
	}
	switch o := &r.Options; {
	case r.Kind != TypeTerm && r.Kind != TagTerm:
		return invalid("the request asks neither for types nor for tags")
	case len(o.Prefix) > dcb.MaxPrefixBytes:
		return errLongPrefix
	case !utf8.ValidString(o.Prefix):
		return invalid("the prefix is not valid UTF-8")
	case o.Order > dcb.ByName:
		return invalid("the order %d is unknown", o.Order)
	case o.Order != dcb.AnyOrder && (o.Limit == 0 || o.Limit > dcb.MaxOrderedTerms):
		return invalid("with an order, the limit must be from 1 to %d, and it is %d; without an order, all types or tags are returned", dcb.MaxOrderedTerms, o.Limit)
	}
	return nil
}

// EncodeTerms returns the encoding of a TermsRequest.
func EncodeTerms(r *TermsRequest) []byte {
	if r.Query != nil {
		return appendBytes(nil, readQuery, appendQuery(nil, *r.Query))
	}
	dst := appendUint(nil, termsKind, uint64(r.Kind))
	dst = appendText(dst, termsPrefix, r.Options.Prefix)
	if r.Options.Order != 0 {
		dst = appendUint(dst, termsOrder, uint64(r.Options.Order))
	}
	if r.Options.Limit != 0 {
		dst = appendUint(dst, termsLimit, uint64(r.Options.Limit))
	}
	return dst
}

// SizeOfTerm returns the number of bytes that AppendTerm appends.
func SizeOfTerm(t *Term) int { return sizeOfBytes(sizeOfTermFields(t)) }

func sizeOfTermFields(t *Term) int {
	return sizeUint(uint64(t.Kind)) + sizeOfBytes(len(t.Name)) + sizeUint(t.Events)
}

// AppendTerm appends an entry of TermsResponse.terms to dst.
func AppendTerm(dst []byte, t *Term) []byte {
	dst = append(dst, bytesTag(termsTerms))
	dst = binary.AppendUvarint(dst, uint64(sizeOfTermFields(t)))
	dst = appendUint(dst, termKind, uint64(t.Kind))
	dst = appendBytes(dst, termName, t.Name)
	return appendUint(dst, termEvents, t.Events)
}

// MaxDistinctBytes is the maximum number of bytes that AppendDistinct appends.
const MaxDistinctBytes = 1 + binary.MaxVarintLen64

// AppendDistinct appends the distinct number of a TermsResponse to dst.
func AppendDistinct(dst []byte, distinct uint64) []byte {
	return appendUint(dst, termsDistinct, distinct)
}

// DecodeTerms decodes a TermsResponse. The terms do not alias it. distinct is 0 if the response
// has none.
func DecodeTerms(response []byte) (terms []Term, distinct uint64, err error) {
	err = eachField(response, func(f field) error {
		switch {
		case f.message(termsTerms):
			term, err := decodeTerm(f.bytes)
			terms = append(terms, term)
			return err
		case f.scalar(termsDistinct):
			distinct = f.varint
		}
		return nil
	})
	return terms, distinct, err
}

func decodeTerm(message []byte) (t Term, err error) {
	err = eachField(message, func(f field) error {
		switch {
		case f.scalar(termKind):
			t.Kind = TermKind(min(f.varint, 1<<8-1))
		case f.message(termName):
			t.Name = string(f.bytes)
		case f.scalar(termEvents):
			t.Events = f.varint
		}
		return nil
	})
	return t, err
}

// NewTermsResponse returns the response for a stream of encoded TermsResponses. unreadable
// converts the error for a malformed one.
func NewTermsResponse(next func() ([]byte, error), unreadable func(error) error, close func()) *dcb.TermsResponse {
	return dcb.NewTermsResponse(func() (counts []dcb.TermCount, distinct uint64, err error) {
		terms, distinct, err := nextTerms(next, unreadable)
		for i := range terms {
			counts = append(counts, terms[i].TermCount)
		}
		return counts, distinct, err
	}, close)
}

// CollectTermCounts returns the terms in a stream of encoded TermsResponses.
func CollectTermCounts(next func() ([]byte, error), unreadable func(error) error) (*dcb.TermCounts, error) {
	counts := new(dcb.TermCounts)
	for {
		terms, _, err := nextTerms(next, unreadable)
		if errors.Is(err, io.EOF) {
			return counts, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range terms {
			to := &counts.Tags
			if terms[i].Kind == TypeTerm {
				to = &counts.Types
			}
			*to = append(*to, terms[i].TermCount)
		}
	}
}

func nextTerms(next func() ([]byte, error), unreadable func(error) error) ([]Term, uint64, error) {
	message, err := next()
	if err != nil {
		return nil, 0, err
	}
	terms, distinct, err := DecodeTerms(message)
	if err != nil {
		return nil, 0, unreadable(err)
	}
	return terms, distinct, nil
}

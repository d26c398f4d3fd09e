package record

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/umadb-go/umadb/dcb"
)

// Field numbers of umadb.v1.CountRequest and CountResponse. The query of a CountRequest has the
// number of that of a ReadRequest.
const (
	countBounds = 2
	countCounts = 1
)

// CountRequest is a validated umadb.v1.CountRequest.
type CountRequest struct {
	Query  dcb.Query
	Bounds []uint64
}

// ParseCount decodes and validates a CountRequest.
func ParseCount(request []byte, limits *dcb.Limits) (*CountRequest, error) {
	r := new(CountRequest)
	p := newQueryParser(limits)
	err := eachField(request, func(f field) error {
		if f.message(readQuery) {
			return p.parse(f.bytes)
		}
		return eachUint(f, countBounds, func(bound uint64) error {
			if len(r.Bounds) == dcb.MaxCountBounds {
				return errManyBounds
			}
			r.Bounds = append(r.Bounds, bound)
			return nil
		})
	})
	r.Query = p.query
	if err == nil {
		err = r.Validate(limits)
	}
	return r, asInvalid(err)
}

var errManyBounds = invalid("there are more than %d bounds, which is the limit: count in several calls", dcb.MaxCountBounds)

// Validate returns an error if the request exceeds the limits, or is not valid.
func (r *CountRequest) Validate(limits *dcb.Limits) error {
	switch {
	case len(r.Bounds) > dcb.MaxCountBounds:
		return errManyBounds
	case len(r.Bounds) < 2:
		return invalid("there are %d bounds: events are counted between two or more of them", len(r.Bounds))
	}
	for i, bound := range r.Bounds[1:] {
		if bound < r.Bounds[i] {
			return invalid("bound %d is %d, and bound %d is %d: bounds must not descend", i+1, r.Bounds[i], i+2, bound)
		}
	}
	return ValidateQuery(r.Query, limits)
}

// EncodeCount returns the encoding of a CountRequest.
func EncodeCount(r *CountRequest) []byte {
	return appendUints(appendBytes(nil, readQuery, appendQuery(nil, r.Query)), countBounds, r.Bounds)
}

// CountCost returns the approximate size in bytes that an encoded CountRequest has in memory with
// its answer.
func CountCost(request []byte) int64 {
	bounds := min(len(request), dcb.MaxCountBounds) // each has a byte at least
	if len(request) < smallCount {
		bounds = 0 // the memory of a call includes a few
	}
	return ReadQueryCost(request) + int64(bounds)*boundCost
}

const (
	boundCost  = 8 + 8 + 10 // parsed, its count, and that encoded
	smallCount = 64
)

// DecodeCounts decodes the response to a request with a number of bounds.
func DecodeCounts(response []byte, bounds int) ([]uint64, error) {
	counts := make([]uint64, 0, bounds)
	err := eachField(response, func(f field) error {
		return eachUint(f, countCounts, func(count uint64) error {
			counts = append(counts, count)
			return nil
		})
	})
	if err == nil && len(counts) != bounds-1 {
		err = fmt.Errorf("it has %d numbers for %d bounds", len(counts), bounds)
	}
	return counts, err
}

// eachUint calls visit with the numbers of a repeated field, which a sender may have packed or not.
func eachUint(f field, number protowire.Number, visit func(uint64) error) error {
	switch {
	case f.scalar(number):
		return visit(f.varint)
	case !f.message(number):
		return nil
	}
	for packed := f.bytes; len(packed) > 0; {
		value, n := protowire.ConsumeVarint(packed)
		if n < 0 {
			return malformed(f.start)
		}
		if err := visit(value); err != nil {
			return err
		}
		packed = packed[n:]
	}
	return nil
}

// appendUints appends a packed field.
func appendUints(dst []byte, number protowire.Number, values []uint64) []byte {
	size := 0
	for _, value := range values {
		size += protowire.SizeVarint(value)
	}
	dst = protowire.AppendTag(dst, number, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(size))
	for _, value := range values {
		dst = protowire.AppendVarint(dst, value)
	}
	return dst
}

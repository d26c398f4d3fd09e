// Package headerblock reads the header blocks of HTTP/2, for both sides of a connection.
package headerblock

import (
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	// maxRecognised is the number of header blocks that are recognised, and
	// maxReferences the size of the largest.
	maxRecognised = 4
	maxReferences = 32
	// maxEmptyFragments is the number of CONTINUATION frames without content that are
	// accepted for one header block.
	maxEmptyFragments = 4
	// fieldOverhead is added to the size of each field (RFC 9113, section 6.5.2).
	fieldOverhead = 32
	// tableBytes is the size of the table of fields.
	tableBytes = 4096
)

// Reader decodes header blocks into values, which must not be changed. A peer that repeats
// its headers sends them as a few bytes that refer to a table. Such a block is recognised
// without decoding it, as long as the table has not changed.
type Reader[T any] struct {
	decoder *hpack.Decoder
	most    int // size of the fields
	parse   Parse[T]

	fragments []byte // of a block in several frames
	empty     int    // number of empty frames among them

	fields     []hpack.HeaderField
	size       int // of fields
	recognised []recognised[T]
}

// Parse returns the value of decoded fields, which are valid until it returns, and whether
// it may be returned for the same block again. If the fields are too large, some are missing.
type Parse[T any] func(fields []hpack.HeaderField, tooLarge bool) (value T, repeats bool, err error)

// recognised is a header block that only refers to the table.
type recognised[T any] struct {
	block []byte
	value T
}

// Init prepares the reader. most is the maximum size of the fields of a block, as HTTP/2
// counts it.
func (r *Reader[T]) Init(most int, parse Parse[T]) {
	r.most, r.parse = most, parse
	r.decoder = hpack.NewDecoder(tableBytes, func(f hpack.HeaderField) {
		if r.size += len(f.Name) + len(f.Value) + fieldOverhead; r.size <= r.most {
			r.fields = append(r.fields, f)
		}
	})
	r.decoder.SetMaxStringLength(most)
}

// Add adds a fragment of a header block. It fails if the block is too large: the encoded
// block is not larger than the fields. What it is decoded to is checked by Read.
func (r *Reader[T]) Add(fragment []byte) error {
	if len(fragment) == 0 {
		r.empty++
	}
	if len(r.fragments)+len(fragment) > r.most || r.empty > maxEmptyFragments {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	r.fragments = append(r.fragments, fragment...)
	return nil
}

// Read decodes a whole header block: the fragments that were added, and last. The error is
// that of Parse or an http2.ConnectionError.
func (r *Reader[T]) Read(last []byte) (value T, err error) {
	block := last
	if len(r.fragments) > 0 || r.empty > 0 {
		if err := r.Add(last); err != nil {
			return value, err
		}
		block = r.fragments
		defer func() { r.fragments, r.empty = nil, 0 }()
	}
	if !RefersOnly(block) {
		r.recognised = r.recognised[:0] // the table may change
		value, _, err = r.decode(block)
		return value, err
	}
	for i := range r.recognised {
		if string(r.recognised[i].block) == string(block) {
			return r.recognised[i].value, nil
		}
	}
	value, repeats, err := r.decode(block)
	if err == nil && repeats && len(r.recognised) < maxRecognised {
		r.recognised = append(r.recognised, recognised[T]{append([]byte(nil), block...), value})
	}
	return value, err
}

func (r *Reader[T]) decode(block []byte) (value T, repeats bool, err error) {
	r.fields, r.size = r.fields[:0], 0
	if _, err := r.decoder.Write(block); err != nil {
		return value, false, http2.ConnectionError(http2.ErrCodeCompression)
	}
	if err := r.decoder.Close(); err != nil {
		return value, false, http2.ConnectionError(http2.ErrCodeCompression)
	}
	return r.parse(r.fields, r.size > r.most)
}

// RefersOnly reports whether a header block is small and consists of fields in the table, each
// in one byte (RFC 7541, section 6.1).
func RefersOnly(block []byte) bool {
	if len(block) > maxReferences {
		return false
	}
	for _, b := range block {
		if b <= 0x80 || b == 0xff {
			return false
		}
	}
	return true
}

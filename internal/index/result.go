package index

import "encoding/binary"

// maxCachedResult is the maximum size in bytes of a cached result.
const maxCachedResult = 1 << 10

// cacheResult puts the result of a lookup into the cache, if it read a page while the cache was
// full. In a store much larger than the cache, the pages with the same terms take far more
// memory than the results. f is nil if no term has the hash.
//
// A result that is not empty consists of the kind, the length of the text and the text, the
// number of positions, the offset and the size of the data, and the data of up to one chunk.
func (b *Block) cacheResult(term Term, f *found, s *scratch) {
	if !s.full {
		return
	}
	var result []byte
	if f != nil {
		if len(term.Text)+len(f.data) > maxCachedResult {
			return
		}
		result = make([]byte, 0, 1+4*binary.MaxVarintLen32+binary.MaxVarintLen64+len(term.Text)+len(f.data))
		result = append(result, byte(term.Kind))
		for _, number := range []uint64{uint64(len(term.Text)), uint64(f.count), f.at, f.size} {
			result = binary.AppendUvarint(result, number)
		}
		result = append(append(result, term.Text...), f.data...)
	}
	b.cache.Put(CacheKey{b.results, term.hash}, result)
}

// cachedResult returns the result of an earlier lookup of a term, and reports whether it is
// known.
func (b *Block) cachedResult(term Term) (f found, ok, known bool) {
	result, known := b.cache.Get(CacheKey{b.results, term.hash})
	if !known || len(result) == 0 {
		return found{}, false, known
	}
	if result[0] != byte(term.Kind) {
		return found{}, false, false // another term with the same hash
	}
	result = result[1:]
	var numbers [4]uint64
	for i := range numbers {
		number, n := binary.Uvarint(result)
		numbers[i], result = number, result[n:]
	}
	text := numbers[0]
	if text != uint64(len(term.Text)) || string(result[:text]) != term.Text {
		return found{}, false, false
	}
	return found{count: int(numbers[1]), at: numbers[2], size: numbers[3], data: result[text:]}, true, true
}

package store_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"testing"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

// docPages is an index block as described in docs/format.md.
type docPages struct {
	t      *testing.T
	file   []byte
	layout []row // of the header page
	terms  []byte
}

// readBlock verifies the length and the checksums of a block.
func readBlock(t *testing.T, file []byte) *docPages {
	t.Helper()
	b := &docPages{t: t, file: file, layout: layouts(t)["Header page"]}
	termPages := (b.header("bytes of terms") + 4091) / 4092
	first := b.timePage() + (b.header("number of times")+340)/341
	if want := 4096 * (first + termPages); len(file) != want {
		t.Fatalf("the block has %d bytes, want %d according to its header", len(file), want)
	}
	for n := range len(file) / 4096 {
		page, sum := b.page(n), file[4096*n+4092:][:4]
		want := crc(docStore[:], file[32:40], file[40:48], le(8, uint64(n)), page)
		if n == 0 {
			want = crc(page)
		}
		if !bytes.Equal(sum, le(4, want)) {
			t.Errorf("the checksum of page %d is % x", n, sum)
		}
		if n >= first {
			b.terms = append(b.terms, page...)
		}
	}
	if rest := b.terms[b.header("bytes of terms"):]; len(bytes.Trim(rest, "\x00")) > 0 {
		t.Error("the terms are followed by bytes other than zero")
	}
	b.terms = b.terms[:b.header("bytes of terms")]
	return b
}

func (b *docPages) timePage() int {
	return 1 + b.header("number of directory pages") + b.header("number of location pages")
}

func (b *docPages) page(n int) []byte { return b.file[4096*n:][:4092] }

// header returns the number in the field whose description starts with the given text.
func (b *docPages) header(field string) int {
	for _, r := range b.layout {
		if len(r.field) >= len(field) && r.field[:len(field)] == field {
			return int(binary.LittleEndian.Uint64(append(bytes.Clone(b.file[r.offset:][:r.size]), 0, 0, 0, 0)))
		}
	}
	b.t.Fatalf("the header page has no field %q", field)
	return 0
}

// docTerm is an entry in the terms.
type docTerm struct {
	at    int
	hash  uint64
	kind  byte
	text  string
	count int
	data  []byte
}

// all returns the entries. It verifies their order, their hashes, and that the directory
// leads to each.
func (b *docPages) all() map[string]docTerm {
	b.t.Helper()
	found, before := map[string]docTerm{}, docTerm{}
	for at := 0; at < len(b.terms); {
		e := docTerm{at: at, hash: binary.LittleEndian.Uint64(b.terms[at:])}
		at += 8
		number := func() int {
			v, n := binary.Uvarint(b.terms[at:])
			at += n
			return int(v)
		}
		size := number()
		e.kind, e.text = b.terms[at], string(b.terms[at+1:][:size])
		at += 1 + size
		e.count = number()
		size = number()
		e.data = b.terms[at:][:size]
		at += size
		if want := xxh3.HashStringSeed(e.text, xxh3.Hash(docStore[:])+uint64(e.kind)); e.hash != want {
			b.t.Errorf("the hash of %q is %#x, not %#x", e.text, e.hash, want)
		}
		if cmp.Or(cmp.Compare(before.hash, e.hash), cmp.Compare(before.kind, e.kind), cmp.Compare(before.text, e.text)) >= 0 {
			b.t.Errorf("%q follows %q", e.text, before.text)
		}
		b.directory(e)
		found[fmt.Sprint(e.kind, e.text)], before = e, e
	}
	if len(found) != b.header("number of terms") {
		b.t.Errorf("there are %d terms", len(found))
	}
	return found
}

// directory fails unless a term is in its bucket and its filter.
func (b *docPages) directory(e docTerm) {
	b.t.Helper()
	page, low := bits.Mul64(e.hash, uint64(b.header("number of directory pages")))
	bucket, _ := bits.Mul64(low, 128)
	p := b.page(1 + int(page))
	base, from := int(binary.LittleEndian.Uint64(p)), 0
	if bucket > 0 {
		from = int(binary.LittleEndian.Uint32(p[8+4*(bucket-1):]))
	}
	if to := int(binary.LittleEndian.Uint32(p[8+4*bucket:])); e.at < base+from || e.at >= base+to {
		b.t.Errorf("%q is at %d, but its bucket is from %d to %d", e.text, e.at, base+from, base+to)
	}
	m := e.hash * 0x9E3779B97F4A7C15
	hi, lo := uint32(m>>32), uint32(m)|1
	for i := range uint32(7) {
		k := uint64(hi+i*lo) * 28576 >> 32
		if p[520+k/8]&(1<<(k%8)) == 0 {
			b.t.Errorf("%q: bit %d of the filter is not set", e.text, k)
		}
	}
}

// positions returns the posting list, relative to the block's first position.
func (e docTerm) positions() (positions []int) {
	chunk := func(b []byte, last int) {
		for len(b) > 0 {
			difference, n := binary.Uvarint(b)
			last += int(difference)
			positions, b = append(positions, last), b[n:]
		}
	}
	if e.count <= 128 {
		chunk(e.data, 0)
		return positions
	}
	chunks := (e.count + 127) / 128
	table, rest := e.data[:8*chunks], e.data[8*chunks:]
	for i := range chunks {
		first := int(binary.LittleEndian.Uint32(table[8*i:]))
		end := len(rest)
		if i+1 < chunks {
			end = int(binary.LittleEndian.Uint32(table[8*i+12:]))
		}
		positions = append(positions, first)
		chunk(rest[binary.LittleEndian.Uint32(table[8*i+4:]):end], first)
	}
	return positions
}

// mustHavePositions fails unless an entry has exactly these positions.
func (b *docPages) mustHavePositions(terms map[string]docTerm, kind byte, text string, want ...int) {
	b.t.Helper()
	e, there := terms[fmt.Sprint(kind, text)]
	if have := e.positions(); !there || e.count != len(want) || !slices.Equal(have, want) {
		b.t.Errorf("%q has the positions %v, not %v", text, have, want)
	}
}

func TestIndexLayoutIsAsDocumented(t *testing.T) {
	files := docFiles(t)
	b, log := readBlock(t, files[docBlock]), files[docLog]
	mustHaveFields(t, b.page(0), b.layout, []byte("UmaDBidx"), 2, 0, docStore[:], 1, 1, 1, 2, 1, 0x50, log[0x88:0x90], 1, 1, 101, 5, 1, 0)
	layout := layouts(t)["Location"]
	for i, record := range [][]byte{log[144:235], log[235:282]} {
		mustHaveFields(t, b.page(2)[12*i:], layout, len(record), []int{144, 235}[i], crc(record))
	}
	mustHaveFields(t, b.page(b.timePage()), layouts(t)["Time"], 0, log[0x70:0x78])
	terms := b.all()
	b.mustHavePositions(terms, 1, "Enrolled", 0)
	b.mustHavePositions(terms, 1, "Paid", 1)
	b.mustHavePositions(terms, 2, "course:1", 0)
	b.mustHavePositions(terms, 2, "student:ann", 0, 1)
	if source := terms["3web"]; source.count != 1 || !bytes.Equal(source.data, binary.AppendUvarint(nil, 300)) {
		t.Errorf("the tracking source has % x", source.data)
	}
}

// The block is large enough for several pages of each kind, and for several chunks.
func TestLargeIndexLayoutIsAsDocumented(t *testing.T) {
	const events, alone, tagsEach = 1000, 400, 4 // alone in their groups
	files := writtenFiles(t, events, func(t *testing.T, s *store.Store) {
		all := make([]dcb.Event, events)
		for i := range all {
			all[i].Type, all[i].Tags = "some", []string{"all", "all"}
			for n := range tagsEach {
				all[i].Tags = append(all[i].Tags, fmt.Sprintf("%d of %d", n, i))
			}
		}
		for i := range alone {
			mustRecord(t, s, all[i:i+1], uint64(i))
			time.Sleep(time.Millisecond)
		}
		mustRecord(t, s, all[alone:], alone)
		mustRecord(t, s, nil, alone+1)
	})
	b := readBlock(t, files["index/00000000000000000001-00000000000000000401.idx"])
	const start = 946684800_000000000 // of the fake clock
	for i := range alone + 1 {
		mustHaveFields(t, b.page(b.timePage() + i/341)[12*(i%341):], layouts(t)["Time"], i, uint64(start+i*1e6))
	}
	if n := b.header("number of times"); n != alone+1 {
		t.Errorf("there are %d times, not %d", n, alone+1)
	}
	if n, want := b.header("number of directory pages"), (events*tagsEach+3+2559)/2560; n != want {
		t.Errorf("there are %d directory pages, not %d", n, want)
	}
	if n, want := b.header("number of location pages"), (events+340)/341; n != want {
		t.Errorf("there are %d location pages, not %d", n, want)
	}
	every := make([]int, events)
	for i := range every {
		every[i] = i
	}
	terms := b.all()
	b.mustHavePositions(terms, 1, "some", every...)
	b.mustHavePositions(terms, 2, "all", every...)
	for i := range events {
		b.mustHavePositions(terms, 2, fmt.Sprintf("%d of %d", i%tagsEach, i), i)
	}
}

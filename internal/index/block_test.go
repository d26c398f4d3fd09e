package index_test

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

func TestBlockIsNamedByItsGroups(t *testing.T) {
	span := index.Span{FirstGroup: 7, LastGroup: 18446744073709551615}
	const name = "00000000000000000007-18446744073709551615.idx"
	if span.FileName() != name {
		t.Errorf("FileName() = %s", span.FileName())
	}
	if first, last, ok := index.ParseFileName(name); first != 7 || last != 1<<64-1 || !ok {
		t.Errorf("ParseFileName() = %d, %d, %v", first, last, ok)
	}
}

func TestParseFileNameRejectsOtherNames(t *testing.T) {
	for _, name := range []string{
		"", ".idx", "flush.tmp", "00000000000000000007.idx",
		"00000000000000000007-00000000000000000008",
		"00000000000000000007-00000000000000000008.log",
		"00000000000000000007_00000000000000000008.idx",
		"0000000000000000007-000000000000000000008.idx",
		"00000000000000000009-00000000000000000008.idx",
		"0000000000000000000x-00000000000000000008.idx",
		"00000000000000000007-99999999999999999999.idx",
		"+0000000000000000007-00000000000000000008.idx",
	} {
		if _, _, ok := index.ParseFileName(name); ok {
			t.Errorf("%q is accepted", name)
		}
	}
}

func TestFlushedBlockCoversHeadBlock(t *testing.T) {
	s := newBlockDir(t)
	c := spaced(20, 3)
	block, err := s.Flush(c.headBlock(), index.Span{FirstGroup: 4, LastGroup: 9, First: 12345, Events: 6789, Base: 3, Offset: 1234, Chain: 99})
	must(t, err)
	want := index.Span{FirstGroup: 4, LastGroup: 9, First: 1001, Events: 60, Base: 3, Offset: 1234, Chain: 99}
	again, err := s.open(block.Name)
	must(t, err)
	for _, b := range []*index.Block{block, again} {
		if b.Span != want || b.Next() != 1061 || b.Level() != 0 || b.Terms() != 1 {
			t.Errorf("the block covers %+v, with %d terms", b.Span, b.Terms())
		}
		if size := int64(len(s.readFile(t, b.Name))); b.Bytes != size {
			t.Errorf("Bytes = %d, but the file has %d", b.Bytes, size)
		}
		c.check(t, b)
		must(t, b.Close())
	}
}

func TestFlushReplacesBlockOfSameGroups(t *testing.T) {
	s := newBlockDir(t)
	span := index.Span{FirstGroup: 1, LastGroup: 1}
	a, b := &contents{first: 1, events: [][]index.Term{{tag("a")}}}, &contents{first: 1, events: [][]index.Term{{tag("b")}}}
	before, err := s.Flush(a.headBlock(), span)
	must(t, err)
	after, err := s.Flush(b.headBlock(), span)
	must(t, err)
	b.check(t, after, tag("a"))
	a.check(t, before, tag("b")) // the old file can still be read
}

func TestOpenMissingBlock(t *testing.T) {
	if _, err := newBlockDir(t).open("00000000000000000001-00000000000000000001.idx"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the error is %v", err)
	}
}

func TestReadErrorIsNotCorruption(t *testing.T) {
	broken := errors.New("I/O error")
	s := newBlockDir(t)
	name := spaced(300, 1).flush(t, s).Name
	unobserved := s.Dir
	for skip := range 3 {
		reads := 0
		s.Dir = vfs.ObserveDir(unobserved, func(op vfs.Op) error {
			if op.Kind != "read" {
				return nil
			}
			if reads++; reads > skip {
				return broken
			}
			return nil
		})
		block, err := s.open(name)
		if err == nil {
			_, _, err = block.Postings(tag("spaced"), index.Forwards)
		}
		var corruption *vfs.CorruptionError
		if !errors.Is(err, broken) || errors.As(err, &corruption) {
			t.Errorf("after %d reads: %v", skip, err)
		}
	}
}

package index_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/index"
)

var update = flag.Bool("update", false, "update the files in testdata")

// small returns contents with one of each: a list with one chunk and one with several,
// both kinds of term, an empty text, and a source.
func small() *contents {
	c := &contents{first: 1001, sources: map[string]uint64{"upstream": 300}}
	for i := range 130 {
		terms := []index.Term{tag("all")}
		if i%50 == 0 {
			terms = append(terms, eventType("some"), tag(""))
		}
		c.events = append(c.events, terms)
	}
	return c
}

func flushSmall(t *testing.T, s *blockDir) *index.Block {
	block, err := s.Flush(small().headBlock(), index.Span{FirstGroup: 0x0102030405060708, LastGroup: 0x1112131415161718, Base: 0x2122232425262728, Offset: 0x3132333435363738, Chain: 0x4142434445464748})
	must(t, err)
	return block
}

func TestBlockBytesNeverChange(t *testing.T) {
	s := newBlockDir(t)
	have := dump(s.readFile(t, flushSmall(t, s).Name))
	name := filepath.Join("testdata", "block.hex")
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(name, []byte(have), 0o644))
	}
	want, err := os.ReadFile(name)
	must(t, err)
	if have != string(want) {
		t.Errorf("%s differs: existing blocks could no longer be read, so this needs a new format version. Got\n%s", name, have)
	}
}

// Every block of this version can be read by later programs.
func TestGoldenBlockCanBeRead(t *testing.T) {
	s := newBlockDir(t)
	block := flushSmall(t, s)
	content, err := os.ReadFile(filepath.Join("testdata", "block.hex"))
	must(t, err)
	s.writeFile(t, block.Name, undump(t, string(content)))
	again, err := s.open(block.Name)
	must(t, err)
	small().check(t, again, tag("some"), eventType("all"), eventType(""))
	if again.Span != block.Span || again.Terms() != 4 || again.Level() != 0 {
		t.Errorf("the block covers %+v, with %d terms", again.Span, again.Terms())
	}
}

// A block of version 1 has no times. It is refused with what it covers, so that it can be rebuilt.
func TestBlockOfVersion1IsOutdated(t *testing.T) {
	s := newBlockDir(t)
	block := flushSmall(t, s)
	content, err := os.ReadFile(filepath.Join("testdata", "block-1.hex"))
	must(t, err)
	old := undump(t, string(content))
	s.writeFile(t, block.Name, old)
	_, err = s.open(block.Name)
	var outdated *index.OutdatedError
	if !errors.As(err, &outdated) || outdated.Version != 1 || outdated.Span != block.Span || !strings.Contains(err.Error(), block.Name) {
		t.Errorf("the error is %v", err)
	}
	old[2000] ^= 1
	s.writeFile(t, block.Name, old)
	if _, err := s.open(block.Name); !isCorruption(err, block.Name) {
		t.Errorf("with a corrupt header, the error is %v", err)
	}
}

// dump returns a hexadecimal dump with 32 bytes a line and without lines of zeros.
func dump(b []byte) string {
	var out strings.Builder
	for at := 0; at < len(b); at += 32 {
		line := b[at:min(at+32, len(b))]
		if strings.Trim(string(line), "\x00") != "" {
			fmt.Fprintf(&out, "%06x %x\n", at, line)
		}
	}
	fmt.Fprintf(&out, "%06x\n", len(b))
	return out.String()
}

func undump(t *testing.T, dump string) (b []byte) {
	for line := range strings.Lines(dump) {
		var at int
		var bytes []byte
		n, err := fmt.Sscanf(line, "%x %x", &at, &bytes)
		if n == 0 {
			t.Fatal(err)
		}
		b = append(b, make([]byte, at-len(b))...)
		b = append(b, bytes...)
	}
	return b
}

package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

func TestImportOfTooLongLine(t *testing.T) {
	if testing.Short() {
		t.Skip("it reads 100 MB")
	}
	endless := io.MultiReader(strings.NewReader(`{"position":1,"type":"`), io.LimitReader(zeros{}, 200<<20))
	code, _, stderr := runWithStdin(endless, "import", "--db-path", filepath.Join(t.TempDir(), "copy"))
	wantError(t, code, stderr, 1, "line 1: it is longer than")
}

// zeros is an endless reader of the digit "0".
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// compressed returns the compressed export of a store.
func compressed(t *testing.T, dir string) []byte {
	t.Helper()
	return []byte(export(t, "--db-path", dir, "--zstd"))
}

func TestImportRejectsCorruptFrame(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "source")
	openStore(t, dir, func(s *store.Store) {
		for i := range 30 { // several frames of data that does not compress well
			data := []byte(fmt.Sprintf("%0100d", i))
			for j := range 4000 {
				data = fmt.Appendf(data, "%x", (i*j*2654435761)%1000003)
			}
			events := []dcb.Event{{Type: "T", Data: data}, {Data: data}, {Data: data}, {Data: data}}
			if _, err := s.Append(context.Background(), events, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
	})
	intact := compressed(t, dir)
	lines := export(t, "--db-path", dir)
	frames := bytes.Count(intact, []byte{0x28, 0xB5, 0x2F, 0xFD})
	if frames < 3 {
		t.Fatalf("only %d frames", frames)
	}
	for i := 1; i <= 40; i++ {
		at := i * (len(intact) - 1) / 40
		corrupt := bytes.Clone(intact)
		corrupt[at] ^= 0x10
		copied := filepath.Join(t.TempDir(), "copy")
		code, _, stderr := runWithStdin(bytes.NewReader(corrupt), "import", "--db-path", copied)
		wantError(t, code, stderr, 1)
		if code, _, stderr = runWithStdin(bytes.NewReader(intact), "import", "--db-path", copied); code != 0 {
			t.Fatalf("byte %d flipped: %s", at, stderr)
		}
		if export(t, "--db-path", copied) != lines {
			t.Fatalf("byte %d flipped: the store differs", at)
		}
		cut := filepath.Join(t.TempDir(), "cut")
		code, _, stderr = runWithStdin(bytes.NewReader(intact[:at]), "import", "--db-path", cut)
		wantError(t, code, stderr, 1)
	}
}

func TestImportReadsFramesOfZstdProgram(t *testing.T) {
	_, lines := newVariedStore(t)
	var packed bytes.Buffer
	w, err := zstd.NewWriter(&packed) // one frame, of unknown size
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, lines)
	w.Close()
	mixed := append([]byte{0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3}, packed.Bytes()...) // after a skippable frame
	copied := filepath.Join(t.TempDir(), "copy")
	if code, _, stderr := runWithStdin(bytes.NewReader(mixed), "import", "--db-path", copied); code != 0 {
		t.Fatal(stderr)
	}
	if export(t, "--db-path", copied) != lines {
		t.Error("the store differs")
	}
	code, _, stderr := runWithStdin(bytes.NewReader(mixed[:len(mixed)-5]), "import", "--db-path", filepath.Join(t.TempDir(), "cut"))
	wantError(t, code, stderr, 1)
}

func TestImportOfLargeWindow(t *testing.T) {
	var packed bytes.Buffer
	w, err := zstd.NewWriter(&packed, zstd.WithWindowSize(32<<20))
	if err != nil {
		t.Fatal(err)
	}
	io.CopyN(w, zeros{}, 40<<20)
	w.Close()
	code, _, stderr := runWithStdin(&packed, "import", "--db-path", filepath.Join(t.TempDir(), "copy"))
	wantError(t, code, stderr, 1, "zstd -d")
}

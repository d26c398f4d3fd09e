package transfer

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// compress writes data in frames of a frameWriter or, if sizes are given, in frames of these
// sizes and a last one.
func compress(t *testing.T, data []byte, sizes ...int) []byte {
	t.Helper()
	var packed bytes.Buffer
	w, err := newFrameWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range append(sizes, len(data)) {
		if _, err := w.Write(data[:min(size, len(data))]); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		data = data[min(size, len(data)):]
	}
	return packed.Bytes()
}

// decompress returns what a frameReader returns before an error or the end.
func decompress(t *testing.T, packed []byte) ([]byte, error) {
	t.Helper()
	r, err := newFrameReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	return io.ReadAll(r)
}

func TestFrameReaderReturnsOnlyVerifiedData(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	data := make([]byte, 5*frameBytes+frameBytes/3) // it is stored, not compressed, so only the checksum protects it
	random.Read(data)
	for name, packed := range map[string][]byte{
		"frameWriter":  compress(t, data),
		"other frames": compress(t, data, frameBytes/2, frameBytes, 1, frameBytes-1, frameBytes, frameBytes/3),
	} {
		if got, err := decompress(t, packed); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%s: %d bytes, %v", name, len(got), err)
		}
		for i := range 50 {
			at := i * (len(packed) - 1) / 49
			corrupt := bytes.Clone(packed)
			corrupt[at] ^= 0x10
			if got, err := decompress(t, corrupt); err == nil || !bytes.HasPrefix(data, got) {
				t.Errorf("%s, byte %d flipped: %d bytes, prefix %t, %v", name, at, len(got), bytes.HasPrefix(data, got), err)
			}
			if i == 0 {
				continue
			}
			got, err := decompress(t, packed[:at])
			if !bytes.HasPrefix(data, got) || err == nil && len(got) == len(data) {
				t.Errorf("%s, %d bytes left: %d bytes, prefix %t, %v", name, at, len(got), bytes.HasPrefix(data, got), err)
			}
		}
	}
}

func TestTruncatedFrame(t *testing.T) {
	packed := compress(t, []byte("text"))
	if _, err := decompress(t, packed[:len(packed)-1]); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func TestFrameOfUnknownSize(t *testing.T) {
	data := bytes.Repeat([]byte("text "), frameBytes)
	var packed bytes.Buffer
	w, err := zstd.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(data)
	w.Close()
	if got, err := decompress(t, packed.Bytes()); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

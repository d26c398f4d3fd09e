package transfer

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// frameBytes is the amount of uncompressed data in a zstd frame, in bytes. Each frame has
// a checksum, so that data is verified before it is used.
const frameBytes = 1 << 20

// frameWriter compresses data into frames of frameBytes.
type frameWriter struct {
	w       io.Writer
	encoder *zstd.Encoder
	text    []byte
	packed  []byte
}

func newFrameWriter(w io.Writer) (*frameWriter, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(frameBytes), zstd.WithLowerEncoderMem(true))
	return &frameWriter{w: w, encoder: encoder, text: make([]byte, 0, frameBytes)}, err
}

// Write buffers p, and writes each full frame.
func (f *frameWriter) Write(p []byte) (n int, err error) {
	for rest := p; len(rest) > 0; {
		fits := min(len(rest), frameBytes-len(f.text))
		f.text = append(f.text, rest[:fits]...)
		rest = rest[fits:]
		if len(f.text) == frameBytes {
			if err := f.Flush(); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

// Flush writes the buffered data as a frame.
func (f *frameWriter) Flush() error {
	if len(f.text) == 0 {
		return nil
	}
	f.packed = f.encoder.EncodeAll(f.text, f.packed[:0])
	f.text = f.text[:0]
	_, err := f.w.Write(f.packed)
	return err
}

// isCompressed reports whether the input starts with a zstd frame.
func isCompressed(in *bufio.Reader) (bool, error) {
	magic, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) || len(magic) < 4 {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return false, err
	}
	number := binary.LittleEndian.Uint32(magic)
	return number == 0xFD2FB528 || number&^0xF == 0x184D2A50, nil
}

// frameReader decompresses zstd. It returns data of a frameWriter only after the checksum of
// its frame is verified. Frames of other programs may have any size: they are verified at
// their end.
type frameReader struct {
	decoder  *zstd.Decoder
	block    []byte // the block that is being returned
	verified []byte // the rest of it
	ahead    []byte // the block after it
	err      error  // ended the input after ahead
}

// maxWindowBytes bounds the window, and so the memory, of frames of other programs. It is
// enough for zstd up to level 19.
const maxWindowBytes = 8 << 20

func newFrameReader(in io.Reader) (*frameReader, error) {
	decoder, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindowBytes))
	return &frameReader{decoder: decoder}, err
}

// Read returns decompressed data. If the input ends within a frame, the error is
// io.ErrUnexpectedEOF.
func (f *frameReader) Read(p []byte) (int, error) {
	for len(f.verified) == 0 {
		if f.err != nil {
			return 0, explainFrame(f.err)
		}
		f.advance()
	}
	n := copy(p, f.verified)
	f.verified = f.verified[n:]
	return n, nil
}

// advance decompresses a block of frameBytes, which verifies the block before it: a frame of
// at most frameBytes that begins in a block ends in the next one. After an error, the block
// before it is not verified.
func (f *frameReader) advance() {
	next := f.block[:0]
	if next == nil {
		next = make([]byte, 0, frameBytes)
	}
	for f.err == nil && len(next) < frameBytes {
		n, err := f.decoder.Read(next[len(next):frameBytes])
		next, f.err = next[:len(next)+n], err
	}
	switch {
	case f.err == nil:
		f.block, f.ahead = f.ahead, next
	case errors.Is(f.err, io.EOF):
		f.block = append(f.ahead, next...)
	default:
		f.block = nil
	}
	f.verified = f.block
}

// explainFrame returns the error for a corrupt export, unless err is nil or the end of the
// input.
func explainFrame(err error) error {
	switch {
	case err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return fmt.Errorf("decompressing the export needs more than %d bytes of memory (%w): decompress it with zstd -d --long=31, and import the result", maxWindowBytes, err)
	}
	return fmt.Errorf("the compressed export is corrupt (%w): fetch or create it again", err)
}

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

// frameReader decompresses zstd. It verifies a frame of a frameWriter before it returns
// any of its data. Frames of other programs may have any size: they are verified at their
// end.
type frameReader struct {
	in      *bufio.Reader
	decoder *zstd.Decoder
	packed  []byte
	text    []byte
	rest    []byte    // the part of text not yet returned
	foreign io.Reader // reads the remaining input; nil until there is a foreign frame
}

// maxWindowBytes bounds the window, and so the memory, of foreign frames. It is enough for
// zstd up to level 19.
const maxWindowBytes = 8 << 20

func newFrameReader(in *bufio.Reader) (*frameReader, error) {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindowBytes))
	return &frameReader{in: in, decoder: decoder}, err
}

// Read returns decompressed data. If the input ends within a frame, the error is
// io.ErrUnexpectedEOF.
func (f *frameReader) Read(p []byte) (int, error) {
	for len(f.rest) == 0 && f.foreign == nil {
		if err := f.nextFrame(); err != nil {
			return 0, explainFrame(err)
		}
	}
	if f.foreign != nil {
		n, err := f.foreign.Read(p)
		return n, explainFrame(err)
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// nextFrame decompresses the next frame, or sets foreign if a frameWriter did not write it.
func (f *frameReader) nextFrame() error {
	start, err := f.in.Peek(zstd.HeaderMaxSize)
	if len(start) == 0 {
		return err
	}
	var header zstd.Header
	if err := header.Decode(start); err != nil {
		return err
	}
	if header.Skippable || !header.HasCheckSum || !header.HasFCS || header.FrameContentSize > frameBytes {
		f.foreign = f.decoder
		return f.decoder.Reset(f.in)
	}
	if err := f.readFrame(header.HeaderSize); err != nil {
		return err
	}
	f.text, err = f.decoder.DecodeAll(f.packed, f.text[:0])
	f.rest = f.text
	return err
}

// readFrame reads a frame without decompressing it: its header, blocks and checksum.
func (f *frameReader) readFrame(headerBytes int) error {
	f.packed = f.packed[:0]
	if err := f.readBytes(headerBytes); err != nil {
		return err
	}
	for last := false; !last; {
		if err := f.readBytes(3); err != nil {
			return err
		}
		b := f.packed[len(f.packed)-3:]
		block := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
		last = block&1 != 0
		size := int(block >> 3)
		if kind := block >> 1 & 3; kind == 1 {
			size = 1 // one byte, repeated
		}
		if len(f.packed)+size > 2*frameBytes {
			return errors.New("a compressed frame is larger than its content")
		}
		if err := f.readBytes(size); err != nil {
			return err
		}
	}
	return f.readBytes(4)
}

// readBytes appends the next n bytes of the input to packed.
func (f *frameReader) readBytes(n int) error {
	from := len(f.packed)
	f.packed = append(f.packed, make([]byte, n)...)
	_, err := io.ReadFull(f.in, f.packed[from:])
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
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

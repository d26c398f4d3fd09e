package ndjson

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxLineBytes bounds the length of a line: an event may have 15 MiB, and each byte of it
// may take six in JSON.
const maxLineBytes = 96 << 20

// byteOrderMark is written by some programs at the start of a text; in UTF-8 it is ignored.
var byteOrderMark = []byte("\uFEFF")

// Reader reads lines, which may be long, and counts them.
type Reader struct {
	in      *bufio.Reader
	of      string
	command string
	long    []byte // a line that does not fit into the buffer of in
	number  int    // of the last line; the first one is 1
}

// NewReader returns a reader of lines. of describes in errors what the lines are from, as in
// " of standard input", and may be empty. command is the command that reads the lines, as
// in "umadb append".
func NewReader(in io.Reader, of, command string) *Reader {
	return &Reader{in: bufio.NewReaderSize(in, 64<<10), of: of, command: command}
}

// ReadLine returns the next line without its newline. The line is valid until the next call.
// With io.EOF, it returns the last line if that has no newline.
func (r *Reader) ReadLine() ([]byte, error) {
	text, err := r.in.ReadSlice('\n')
	if errors.Is(err, io.EOF) && len(text) == 0 {
		return nil, err
	}
	r.number++
	if r.number == 1 {
		if err := rejectForeign(text, r.command); err != nil {
			return nil, err
		}
	}
	if errors.Is(err, bufio.ErrBufferFull) {
		text, err = r.readLong(text)
	}
	if r.number == 1 {
		text = bytes.TrimPrefix(text, byteOrderMark)
	}
	return bytes.TrimSuffix(text, []byte{'\n'}), err
}

// readLong returns a line that starts with begin, which fills the buffer.
func (r *Reader) readLong(begin []byte) (text []byte, err error) {
	r.long = append(r.long[:0], begin...)
	for err = bufio.ErrBufferFull; errors.Is(err, bufio.ErrBufferFull); {
		if len(r.long) > maxLineBytes {
			return nil, fmt.Errorf("it is longer than %d bytes, the maximum for an event", maxLineBytes)
		}
		text, err = r.in.ReadSlice('\n')
		r.long = append(r.long, text...)
	}
	text = r.long
	if cap(r.long) > 1<<20 {
		r.long = nil // do not keep the buffer of one large event
	}
	return text, err
}

// At adds the number of the last line to an error, which may be nil.
func (r *Reader) At(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("line %d%s: %w", r.number, r.of, err)
}

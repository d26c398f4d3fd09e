package cli

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

// lineReader reads lines, which may be long, and counts them.
type lineReader struct {
	in      *bufio.Reader
	of      string // what the lines are from, as in " of standard input"; may be empty
	command string // the command that reads the lines, as in "umadb append"
	long    []byte // a line that does not fit into the buffer of in
	number  int    // of the last line; the first one is 1
}

// read returns the next line without its newline. The line is valid until the next call.
// With io.EOF, it returns the last line if that has no newline.
func (l *lineReader) read() ([]byte, error) {
	text, err := l.in.ReadSlice('\n')
	if errors.Is(err, io.EOF) && len(text) == 0 {
		return nil, err
	}
	l.number++
	if l.number == 1 {
		if err := rejectForeign(text, l.command); err != nil {
			return nil, err
		}
	}
	if errors.Is(err, bufio.ErrBufferFull) {
		l.long = append(l.long[:0], text...)
		for errors.Is(err, bufio.ErrBufferFull) {
			if len(l.long) > maxLineBytes {
				return nil, fmt.Errorf("it is longer than %d bytes, the maximum for an event", maxLineBytes)
			}
			text, err = l.in.ReadSlice('\n')
			l.long = append(l.long, text...)
		}
		text = l.long
		if cap(l.long) > 1<<20 {
			l.long = nil
		}
	}
	if l.number == 1 {
		text = bytes.TrimPrefix(text, byteOrderMark)
	}
	return bytes.TrimSuffix(text, []byte{'\n'}), err
}

// at adds the number of the current line to an error.
func (l *lineReader) at(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("line %d%s: %w", l.number, l.of, err)
}

package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxLineBytes bounds a line: an event may have 15 MiB, and each byte of it may
// take six in JSON.
const maxLineBytes = 96 << 20

// byteOrderMark begins text of some programs; it means nothing in UTF-8.
var byteOrderMark = []byte("\uFEFF")

// lineReader reads lines that may be long, and knows their numbers.
type lineReader struct {
	in      *bufio.Reader
	of      string // what the lines are, as " of standard input"; may be empty
	command string // the command that reads the lines, as "umadb append"
	long    []byte // a line that does not fit into the buffer of in
	number  int    // of the last line, from 1
}

// read gives the next line without its newline, until the next call. With io.EOF
// comes what there is of a line that has no newline.
func (l *lineReader) read() ([]byte, error) {
	text, err := l.in.ReadSlice('\n')
	if errors.Is(err, io.EOF) && len(text) == 0 {
		return nil, err
	}
	l.number++
	if l.number == 1 {
		if err := refuseForeign(text, l.command); err != nil {
			return nil, err
		}
	}
	if errors.Is(err, bufio.ErrBufferFull) {
		l.long = append(l.long[:0], text...)
		for errors.Is(err, bufio.ErrBufferFull) {
			if len(l.long) > maxLineBytes {
				return nil, fmt.Errorf("it has more than %d bytes, and no event does", maxLineBytes)
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

// at says which line an error is about.
func (l *lineReader) at(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("line %d%s: %w", l.number, l.of, err)
}

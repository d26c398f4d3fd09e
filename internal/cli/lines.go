package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxExportLineBytes bounds a line: an event may have 15 MiB, and each byte of it may
// take six in JSON.
const maxExportLineBytes = 96 << 20

// errCutShort ends records whose end is missing.
var errCutShort = errors.New("the export is cut short: it has no line that says its end")

// lineReader reads an export, compressed or not.
type lineReader struct {
	in     *bufio.Reader
	long   []byte  // a line that does not fit into the buffer of in
	number int     // of the last line
	first  *record // read ahead
}

func newLineReader(r io.Reader) (*lineReader, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	compressed, err := isCompressed(in)
	if err != nil {
		return nil, err
	}
	if compressed {
		frames, err := newFrameReader(in)
		if err != nil {
			return nil, err
		}
		in = bufio.NewReaderSize(frames, 64<<10)
	}
	return &lineReader{in: in}, nil
}

// prime reads the first record ahead, to see whether there is one.
func (l *lineReader) prime() error {
	r, err := l.next()
	if errors.Is(err, errCutShort) {
		return errors.New("there is nothing to import: what was given is empty, or the beginning of one line")
	}
	l.first = &r
	return err
}

// records gives what the lines say.
func (l *lineReader) records(yield func(record, error) bool) {
	for {
		r, err := l.next()
		if err == nil && r.end != nil {
			err = l.finish()
		}
		if !yield(r, err) || err != nil || r.end != nil {
			return
		}
	}
}

// next gives the record of the next line. There must be one.
func (l *lineReader) next() (record, error) {
	if r := l.first; r != nil {
		l.first = nil
		return *r, nil
	}
	text, err := l.read()
	if errors.Is(err, io.EOF) && len(text) == 0 || errors.Is(err, io.ErrUnexpectedEOF) {
		return record{}, errCutShort
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return record{}, l.at(err)
	}
	parsed, parseErr := parseLine(text)
	if parseErr != nil && errors.Is(err, io.EOF) {
		return record{}, errCutShort
	}
	if parseErr != nil {
		return record{}, l.at(parseErr)
	}
	r, err := parsed.record()
	return r, l.at(err)
}

// read gives the next line without its newline, until the next call. With io.EOF
// comes what there is of a line that has no newline.
func (l *lineReader) read() ([]byte, error) {
	l.number++
	text, err := l.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		l.long = append(l.long[:0], text...)
		for errors.Is(err, bufio.ErrBufferFull) {
			if len(l.long) > maxExportLineBytes {
				return nil, fmt.Errorf("it has more than %d bytes, and no event does", maxExportLineBytes)
			}
			text, err = l.in.ReadSlice('\n')
			l.long = append(l.long, text...)
		}
		text = l.long
		if cap(l.long) > 1<<20 {
			l.long = nil
		}
	}
	return bytes.TrimSuffix(text, []byte{'\n'}), err
}

// finish makes sure that nothing follows the end.
func (l *lineReader) finish() error {
	_, err := l.in.ReadByte()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errCutShort
	case err == nil:
		err = errors.New("it comes behind the line that says the end; import one export at a time")
	}
	l.number++
	return l.at(err)
}

// at says which line an error is about.
func (l *lineReader) at(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("line %d: %w", l.number, err)
}

// record gives what the line stands for.
func (l *line) record() (r record, err error) {
	alone := *l
	alone.End = nil
	switch {
	case l.End != nil && (alone.isTracking() || alone.hasEvent()):
		err = errors.New("it has an end and something else")
	case l.End != nil:
		r.end = l.End
	case l.isTracking():
		r.Tracking = l.trackingInfo()
	case l.Position == nil || *l.Position == 0:
		err = errors.New("it has no position; umadb export writes one on each line, and umadb append takes lines without")
	default:
		r.Position, r.Tracking = *l.Position, l.trackingInfo()
		r.Event, err = l.event()
	}
	return r, err
}

// hasEvent tells whether the line has any part of an event.
func (l *line) hasEvent() bool {
	return l.Position != nil || l.Type != "" || l.Tags != nil || l.UUID != nil || l.Metadata != nil || l.Data != nil || l.DataBase64 != nil
}

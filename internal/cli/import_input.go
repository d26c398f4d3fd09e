package cli

import (
	"bufio"
	"errors"
	"io"
)

// errIncomplete is returned for a source without an end.
var errIncomplete = errors.New("the export is incomplete: it has no end line")

// exportReader reads an export, compressed or not.
type exportReader struct {
	lineReader
	first *entry   // read ahead by prime
	sum   checksum // of the lines read so far
}

func newExportReader(r io.Reader) (*exportReader, error) {
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
	return &exportReader{lineReader: lineReader{in: in, command: "umadb import"}}, nil
}

// prime reads the first record ahead, and fails if there is none.
func (e *exportReader) prime() error {
	r, err := e.next()
	if errors.Is(err, errIncomplete) {
		return errors.New("there is nothing to import: the input is empty, or an incomplete line")
	}
	e.first = &r
	return err
}

// records iterates over the records of the lines.
func (e *exportReader) records(yield func(entry, error) bool) {
	for {
		r, err := e.next()
		if err == nil && r.end != nil {
			err = e.finish()
		}
		if !yield(r, err) || err != nil || r.end != nil {
			return
		}
	}
}

// next returns the record of the next line, which must exist.
func (e *exportReader) next() (entry, error) {
	if r := e.first; r != nil {
		e.first = nil
		return *r, nil
	}
	text, err := e.read()
	if errors.Is(err, io.EOF) && len(text) == 0 || errors.Is(err, io.ErrUnexpectedEOF) {
		return entry{}, errIncomplete
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return entry{}, e.at(err)
	}
	parsed, parseErr := parseLine(text)
	if parseErr != nil && errors.Is(err, io.EOF) {
		return entry{}, errIncomplete
	}
	if parseErr != nil {
		return entry{}, e.at(parseErr)
	}
	r, err := parsed.entry()
	r.line = e.number
	if err == nil && r.end != nil {
		err = r.end.verify(e.sum)
	}
	e.sum.add(text)
	e.sum.add([]byte{'\n'})
	return r, e.at(err)
}

// finish checks that no data follows the end line.
func (e *exportReader) finish() error {
	_, err := e.in.ReadByte()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errIncomplete
	case err == nil:
		err = errors.New("there is data after the end line; import one export at a time")
	}
	e.number++
	return e.at(err)
}

// record returns the record of the line.
func (l *line) entry() (r entry, err error) {
	switch {
	case l.End != nil && (l.Tracking != nil || l.hasEvent()):
		err = errors.New("it has an end and other fields")
	case l.End != nil:
		r.end = l.End
	case l.isTracking():
		r.Tracking = l.trackingInfo()
	case l.Position == nil || *l.Position == 0:
		err = errors.New("it has no position; umadb export writes one on each line, and umadb append reads lines without")
	default:
		r.Position, r.Tracking = *l.Position, l.trackingInfo()
		r.Event, err = l.event()
	}
	return r, err
}

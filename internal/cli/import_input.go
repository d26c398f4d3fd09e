package cli

import (
	"bufio"
	"errors"
	"io"
)

// errCutShort ends records whose end is missing.
var errCutShort = errors.New("the export is cut short: it has no line that says its end")

// exportReader reads an export, compressed or not.
type exportReader struct {
	lineReader
	first *record  // read ahead
	sum   checksum // of the lines before
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

// prime reads the first record ahead, to see whether there is one.
func (e *exportReader) prime() error {
	r, err := e.next()
	if errors.Is(err, errCutShort) {
		return errors.New("there is nothing to import: what was given is empty, or the beginning of one line")
	}
	e.first = &r
	return err
}

// records gives what the lines say.
func (e *exportReader) records(yield func(record, error) bool) {
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

// next gives the record of the next line. There must be one.
func (e *exportReader) next() (record, error) {
	if r := e.first; r != nil {
		e.first = nil
		return *r, nil
	}
	text, err := e.read()
	if errors.Is(err, io.EOF) && len(text) == 0 || errors.Is(err, io.ErrUnexpectedEOF) {
		return record{}, errCutShort
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return record{}, e.at(err)
	}
	parsed, parseErr := parseLine(text)
	if parseErr != nil && errors.Is(err, io.EOF) {
		return record{}, errCutShort
	}
	if parseErr != nil {
		return record{}, e.at(parseErr)
	}
	r, err := parsed.record()
	r.line = e.number
	if err == nil && r.end != nil {
		err = r.end.verify(e.sum)
	}
	e.sum.add(text)
	e.sum.add([]byte{'\n'})
	return r, e.at(err)
}

// finish makes sure that nothing follows the end.
func (e *exportReader) finish() error {
	_, err := e.in.ReadByte()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errCutShort
	case err == nil:
		err = errors.New("it comes behind the line that says the end; import one export at a time")
	}
	e.number++
	return e.at(err)
}

// record gives what the line stands for.
func (l *line) record() (r record, err error) {
	switch {
	case l.End != nil && (l.Tracking != nil || l.hasEvent()):
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

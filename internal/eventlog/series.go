package eventlog

import (
	"cmp"
	"errors"
	"iter"
)

// A series is groups that are written and synced together. It is for records that keep the
// commit times of another store: a group for each time would otherwise need a sync for each.
// A crash can tear any of its groups, so the log is marked as a copy that is being written
// (see copying.go) before a series is, until the next group that is not part of one: then all
// series are durable. Otherwise corruption after them would be taken for torn writes.

// Part is a group of a series.
type Part struct {
	Kind  Kind  // KindRecords if it is 0
	Start int   // of its header, in the bytes of the series
	Count int   // number of events
	Time  int64 // commit time, as for Seal
}

// SealSeries is Seal for several groups. bytes are, for each part, GroupPrefix bytes for the
// header and then the payload; what was reserved must include the headers after the first one.
// The first part starts at 0. The embedded Group of the result is the last one.
func (a *Appender) SealSeries(bytes []byte, parts []Part) *Sealed {
	end := func(i int) int {
		if i+1 < len(parts) {
			return parts[i+1].Start
		}
		return len(bytes)
	}
	var first *Sealed
	for i, part := range parts {
		s := a.Seal(bytes[part.Start:end(i)], cmp.Or(part.Kind, KindRecords), part.Count, part.Time)
		if first == nil {
			first = s
		}
		first.Group = s.Group
	}
	first.bytes = bytes
	return first
}

// Groups iterates over the groups in the bytes, which is one unless they are a series.
func (s *Sealed) Groups() iter.Seq[*Group] {
	return func(yield func(*Group) bool) {
		if !s.isSeries() {
			yield(&s.Group)
			return
		}
		for at := 0; at < len(s.bytes); {
			h := readGroupHeader(s.bytes[at:])
			end := at + groupHeaderBytes + int(h.PayloadBytes)
			g := Group{GroupHeader: h, Base: s.Base, Offset: s.offset + int64(at), Payload: s.bytes[at+groupHeaderBytes : end]}
			if !yield(&g) {
				return
			}
			at = end
		}
	}
}

// isSeries reports whether there is more than one group.
func (s *Sealed) isSeries() bool { return s.Offset != s.offset }

// allowSeries marks the log as a copy that is being written, durably. All groups written so far
// must be durable.
func (w *Writer) allowSeries() (err error) {
	if w.log.copying == nil {
		w.log.copying, err = w.log.createCopying(w.Durable().Index)
	}
	return err
}

// endSeries removes the mark of allowSeries, durably. All groups written so far must be durable.
// A replica keeps its mark.
func (w *Writer) endSeries() error {
	copying := w.log.copying
	if copying == nil || w.log.options.Replica {
		return nil
	}
	w.log.copying = nil
	return errors.Join(copying.Close(), w.log.removeCopying())
}

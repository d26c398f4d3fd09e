package eventlog

import (
	"errors"
	"fmt"

	"github.com/umadb-go/umadb/internal/vfs"
)

// The log of a replica has the groups of a log that several stores share. A group is decided
// there before it is written here, and can be fetched from there again. So its writes are
// synced from time to time only, the end of the last segment is cut where it is unsound,
// whatever follows, and there is no clean-close record: it would need an index, which the
// shared log has for another group. Up to Options.Known it is cut only after the group that was
// durable. While a replica is open, its log is a copy that is being written (see copying.go).

// Adopt seals a group of the shared log, which another store has written: its bytes are a
// header and a payload. startsSegment is what Rolls reported in that store, so that all
// replicas have the same segments. It fails with ErrNotNext, and changes nothing, if the
// group does not follow the last one; its other errors are those of Reserve. The open group
// must be empty.
func (a *Appender) Adopt(bytes []byte, startsSegment bool) (*Sealed, error) {
	g, err := ReceivedGroup(nil, bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotNext, err)
	}
	h, why := checkGroup(&g, a.log.id, a.plan.tail)
	roll := startsSegment && a.plan.offset > segmentHeaderBytes // else a crash has left the new segment
	if why == "" && roll && a.plan.tail.Next == a.plan.base {
		why = fmt.Sprintf("group %d starts a segment, but the one before it contains no event", h.Index)
	}
	if why != "" {
		return nil, fmt.Errorf("%w: %s", ErrNotNext, why)
	}
	a.plan.roll = roll
	if err := a.ensure(int64(len(bytes))); err != nil {
		return nil, err
	}
	return a.advance(h, bytes), nil
}

// HasID reports whether the bytes of a group, which are not verified, have an identity.
func HasID(bytes []byte, id GroupID) bool {
	g, err := ReceivedGroup(nil, bytes)
	return err == nil && g.Tail().ID() == id
}

// Previous returns the identity of the group before.
func (s *Sealed) Previous() GroupID { return s.plan.tail.ID() }

// Rolls reports whether the group starts a segment.
func (s *Sealed) Rolls() bool { return s.roll != nil }

// Bytes returns the header and the payload of the group.
func (s *Sealed) Bytes() []byte { return s.bytes }

// recoverReplica is recover for the log of a replica.
func (l *Log) recoverReplica(s *scanner, last *Segment) (end int64, err error) {
	durable, err := l.readCopying()
	var corruption *vfs.CorruptionError
	if errors.As(err, &corruption) {
		durable, err = nil, nil // it only spares work
	}
	if err != nil {
		return 0, err
	}
	known := uint64(0)
	if durable != nil {
		known = *durable
	}
	r, err := recoverSegment(s, &known)
	crashed := durable != nil // explains what is unsound after the durable group
	if errors.As(err, &corruption) {
		crashed, err = false, nil
		r.torn, err = s.unsound()
	}
	if err == nil && r.torn != nil && !crashed && r.tail.Index < l.options.Known.Index {
		err = s.corruption(r.end, "group %d is missing or corrupt, and the shared log does not have it, or does not answer", r.tail.Index+1)
	}
	if err != nil {
		return 0, err
	}
	return r.end, l.endAt(last, &r, s.size, true)
}

// unsound returns what follows the last valid group, or nil if that is nothing or zeros.
func (s *scanner) unsound() (*Torn, error) {
	end, err := s.lastNonZero()
	if err != nil || end <= s.offset {
		return nil, err
	}
	return &Torn{File: s.name, From: s.offset, To: end, Position: s.tail.Next}, nil
}

// noteDurable notes that a group of a replica is durable. The note need not be durable: an
// older one is true as well.
func (l *Log) noteDurable(group uint64) error {
	if l.copying == nil {
		return nil
	}
	_, err := l.copying.WriteAt(encodeCopying(group), 0)
	return err
}

// closeReplica makes all groups durable, and the file as long as they are.
func (w *Writer) closeReplica() error {
	if err := w.truncate(); err != nil {
		return err
	}
	return w.log.removeCopying()
}

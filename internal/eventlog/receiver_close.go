package eventlog

import "github.com/umadb-go/umadb/internal/vfs"

// BeforeClose returns the state of the copy before the clean-close record that is its last
// group, and reports whether it is one. Opening and closing a copy adds such a record.
func (r *Receiver) BeforeClose() (Tail, bool, error) {
	if r.err != nil || r.segment == nil || r.end == segmentHeaderBytes {
		return Tail{}, false, r.err
	}
	if err := r.flush(); err != nil {
		return Tail{}, false, r.fail(err)
	}
	reader, err := r.log.NewReader(r.segment.Start())
	if err != nil {
		return Tail{}, false, err
	}
	for {
		before := reader.Tail()
		g, err := reader.Next(r.checker.Tail.Index)
		if err != nil || g.Index == r.checker.Tail.Index {
			return before, err == nil && g.Kind == KindClose, err
		}
	}
}

// RemoveClose removes the clean-close record that is the last group. before is the result
// of BeforeClose.
func (r *Receiver) RemoveClose(before Tail) error {
	r.checker.Tail, r.end = before, r.end-groupHeaderBytes
	r.durable = before
	// The record must not be required when it is removed.
	if _, err := r.copying.WriteAt(encodeCopying(before.Index), 0); err != nil {
		return r.fail(err)
	}
	if err := r.copying.Sync(); err != nil {
		return r.fail(err)
	}
	return r.fail(vfs.TruncateFile(r.segment.file, r.end))
}

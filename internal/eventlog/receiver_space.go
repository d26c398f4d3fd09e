package eventlog

import (
	"github.com/umadb-go/umadb/internal/vfs"
)

// Reserve allocates space for the next group, so that Write does not fail for lack of space.
// mayGrow is called as Options.MayGrow is. If the error is one of mayGrow, or a lack of space
// or of file descriptors, the copy is as before, and Reserve may be called again. After
// another error the Receiver can only be closed. The copy must have a segment.
func (r *Receiver) Reserve(g *Group, mayGrow func(unused, more int64) error) error {
	if r.err != nil {
		return r.err
	}
	file, end := r.segment.file, r.end
	if g.SegmentHeader != nil {
		if r.next == nil {
			next, err := r.log.createNext()
			if err != nil {
				return err
			}
			r.next = next
		}
		file, end = r.next, segmentHeaderBytes
	}
	end += int64(len(g.Header)+len(g.Payload)) + paddingBytes
	have := file.allocated.Load()
	if have >= end {
		return nil
	}
	// Allocating for many groups at once, if there is space for them.
	unused, err := max(0, have-r.end), error(nil)
	for _, want := range []int64{max(end, have+minGrowth), end} {
		if err = mayGrow(unused, want-have); err != nil {
			continue
		}
		if err = file.Allocate(have, want-have); err == nil {
			r.log.setAllocated(file, want)
			return nil
		}
		if !vfs.IsFull(err) && !vfs.IsTooManyFiles(err) {
			return r.fail(err)
		}
	}
	return err
}

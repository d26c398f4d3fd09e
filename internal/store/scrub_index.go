package store

import (
	"errors"
	"io"

	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

// verifyIndex verifies the index blocks, also those that are written meanwhile.
func (c *scrubber) verifyIndex() error {
	for {
		bytes, err := c.verifyPages()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		c.position.Report.IndexBytes += bytes
		if err := c.pace(bytes, func() {}); err != nil {
			return err
		}
	}
}

// verifyPages verifies the next pages of the index, and returns their length. It returns
// io.EOF after the last block.
func (c *scrubber) verifyPages() (bytes int64, err error) {
	if err := c.store.gate.enter(c.ctx); err != nil {
		return 0, err
	}
	defer c.store.gate.leave()
	st := c.store.states.acquire()
	defer st.release()
	at := &c.position
	for _, b := range st.blocks {
		if b.LastGroup <= at.Group {
			continue
		}
		if at.Block != b.FileName() {
			at.Block, at.Page = b.FileName(), 0
		}
		next, more, err := b.Verify(at.Page, scrubStep/index.PageBytes)
		if err == nil && !more {
			err = c.verifyEnd(b)
		}
		if err != nil {
			corruption := asCorruption(err, b.Name, at.Page*index.PageBytes)
			c.store.markCorrupt(st.blocks, corruption)
			c.found(corruption, true)
			next, more = at.Page, false
		}
		bytes = (next - at.Page) * index.PageBytes
		at.Page = next
		if !more {
			at.Report.Blocks++
			at.Group, at.Block, at.Page = b.LastGroup, "", 0
		}
		return bytes, nil
	}
	return 0, io.EOF
}

// verifyEnd verifies that the log contains the last group of a block. If the log is corrupt
// there, that was found before.
func (c *scrubber) verifyEnd(b *fileBlock) error {
	_, err := c.store.endOf(b.Block)
	var mismatch errBlockMismatch
	if !errors.As(err, &mismatch) {
		return err
	}
	for _, f := range c.position.Report.Findings {
		if f.File == c.store.log.SegmentName(b.Base) {
			return nil
		}
	}
	return &vfs.CorruptionError{File: b.Name, What: mismatch.Error()}
}

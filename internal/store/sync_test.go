package store

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// pausingCommitter calls a function between writing a group and publishing it.
type pausingCommitter struct {
	committer
	written func()
}

func (c *pausingCommitter) commit(g sealedGroup) settled {
	s := c.committer.commit(g)
	if c.written != nil {
		c.written()
	}
	return s
}

// A group can be synced before it is published, and only publishing adds its tracking to the head
// block. The block must not be written to a file in between, nor before the sync.
func TestBlockIsWrittenAfterItsGroupsAreSyncedAndPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := sharedEngine(t, fakelog.Options{}).Connect()
		s, err := OpenShared(t.Context(), "/store", &Options{FS: vfs.NewMem(), BlockEvents: 2}, Shared{Log: client})
		if err != nil {
			t.Fatal(err)
		}
		heads := func() int { return len(s.states.current.Load().heads) }
		c := &pausingCommitter{committer: s.pipeline.committer}
		s.pipeline.committer = c
		c.written = func() {
			c.written = nil
			go s.Append(context.Background(), alternating(1, "next"), nil, nil)
			synctest.Wait() // it is in the open group, with a head block of its own
			if n := heads(); n != 2 {
				t.Errorf("there are %d head blocks", n)
			}
			if err := s.logWriter.Sync(); err != nil {
				t.Error(err)
			}
			wake(s.background.flush)
			synctest.Wait()
		}
		if _, err := s.Append(t.Context(), alternating(2, "x"), nil, &dcb.TrackingInfo{Source: "s", Position: 7}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := heads(); n != 1 {
			t.Errorf("afterwards, there are %d head blocks", n)
		}
		if position, known, err := s.GetTrackingInfo(t.Context(), "s"); position != 7 || !known || err != nil {
			t.Errorf("the source is at %d, %v, %v", position, known, err)
		}

		// Published, and not synced.
		mustAppend(t, s, "x")
		s.logWriter.Sync()
		synctest.Wait()
		before := heads()
		mustAppend(t, s, "x")
		if synced := s.syncedGroup(); synced >= s.published.Load().group {
			t.Errorf("group %d is taken as synced", synced)
		}
		if h := s.flushable(); h != nil && h.span.LastGroup > s.logWriter.Durable().Index {
			t.Errorf("a block up to group %d can be written, and %d are synced; there were %d head blocks", h.span.LastGroup, s.logWriter.Durable().Index, before)
		}
		s.Close()
		client.Close()
	})
}

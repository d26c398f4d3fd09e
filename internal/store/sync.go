package store

import "time"

// runSyncer syncs what is written.
func (s *Store) runSyncer() {
	sh, b := s.shared, &s.background
	ticker := time.NewTicker(syncInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-sh.syncNow:
		case <-b.ctx.Done():
			return
		}
		sh.written.Store(0)
		if s.failureError() != nil {
			return
		}
		if err := s.logWriter.Sync(); err != nil {
			s.fail(err)
			return
		}
		wake(b.flush)
	}
}

// syncedGroup returns the index of the last group that a crash cannot lose.
func (s *Store) syncedGroup() uint64 {
	if s.shared == nil {
		return s.published.Load().group
	}
	// A group can be synced before its tracking is in its head block, when it is published.
	return min(s.logWriter.Durable().Index, s.published.Load().group)
}

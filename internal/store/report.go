package store

import (
	"context"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// runReporter reports to the shared log what the store has. A report that fails is only late.
func (s *Store) runReporter() {
	sh, ctx := s.shared, s.background.ctx
	for more := true; more; more = sleep(ctx, reportInterval) {
		request, cancel := context.WithTimeout(ctx, sh.Timeout)
		err := sh.Log.Report(request, sharedlog.Replica{
			ID:      sh.mark.replica,
			Address: sh.Address,
			Program: sh.Program,
			Format:  sharedlog.Version,
			Applied: s.published.Load().group,
			Durable: s.logWriter.Durable().Index,
		})
		cancel()
		if err != nil && ctx.Err() == nil {
			s.options.Logger.Debug("cannot report to the shared log", "error", err)
		}
	}
}

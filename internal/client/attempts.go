package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// attempts are the attempts of a call, in rounds: a round tries each server once, at once, and
// between two rounds there is a pause. With one server, there is a pause after each attempt.
type attempts struct {
	servers *servers
	appends bool

	server   *server // of the current attempt
	tried    tried   // servers of this round
	failures []error // of this round, if there are several servers
	patience time.Duration
	again    resends
}

// next returns the server for the next attempt.
func (a *attempts) next() *server {
	a.server = a.servers.pick(a.appends, a.tried)
	a.tried.add(a.server)
	return a.server
}

// succeeded records that the current attempt has succeeded: the next failure is the first one.
func (a *attempts) succeeded() {
	if !a.servers.several() {
		a.again = resends{}
		return
	}
	if a.tried == 0 {
		return // it was recorded
	}
	a.server.worked()
	if a.appends {
		a.servers.writer.Store(uint32(a.server.index))
	}
	a.reset()
}

// reset makes the next failure the first one.
func (a *attempts) reset() { a.tried, a.failures, a.patience, a.again = 0, nil, 0, resends{} }

// hasFailed reports whether an attempt has failed since reset.
func (a *attempts) hasFailed() bool { return !a.again.started.IsZero() }

// decision is what follows from the failure of an attempt.
type decision struct {
	// patience is for how long the call may be repeated after a pause, or 0 if it may not.
	patience time.Duration
	// elsewhere is set if it may be repeated at another server at once.
	elsewhere bool
	// avoid is set if the next calls should use other servers.
	avoid bool
}

// retry records that the current attempt has failed. It reports whether there must be another
// one, and waits until then.
func (a *attempts) retry(ctx context.Context, err error, d decision) bool {
	if !a.servers.several() {
		return d.patience > 0 && a.again.pause(ctx, d.patience)
	}
	a.again.begin()
	a.tried.add(a.server)
	a.failures = append(a.failures, a.server.named(err))
	a.patience = max(a.patience, d.patience)
	ended := contextError(ctx) != nil
	if d.avoid && !ended {
		a.server.failed()
	}
	switch {
	case d.patience == 0 && !d.elsewhere, ended:
		return false
	case a.tried.count() < len(a.servers.all):
		return true
	case a.patience == 0 || !a.again.pause(ctx, a.patience):
		return false
	}
	a.tried, a.failures, a.patience = 0, nil, 0
	return true
}

// explain returns the error of a call whose last attempt failed with err: if several servers
// have failed, an error with the reason of each.
func (a *attempts) explain(err error) error {
	switch {
	case len(a.failures) == 0:
		return err
	case len(a.failures) == 1, !isOfServer(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return a.failures[len(a.failures)-1]
	}
	return allFailed(a.failures)
}

// allFailed returns the error of a call that has failed at several servers.
func allFailed(failures []error) error {
	all := &dcb.Error{Kind: dcb.ErrTransport}
	var reasons []string
	unsupported := true
	for _, err := range failures {
		unsupported = unsupported && errors.Is(err, errors.ErrUnsupported)
		reason := err.Error()
		if e, ok := errors.AsType[*dcb.Error](err); ok {
			reason = strings.TrimPrefix(reason, e.Kind.Error()+": ")
		}
		reasons = append(reasons, reason)
	}
	all.Detail = fmt.Sprintf("no server of %d can be used: %s", len(failures), strings.Join(reasons, "; "))
	if unsupported {
		all.Cause = errors.ErrUnsupported
	}
	return all
}

// named returns an error of the server with its address, unless it is about the call.
func (s *server) named(err error) error {
	if !isOfServer(err) {
		return err
	}
	detailed := *err.(*dcb.Error)
	detailed.Detail = s.target.address + ": " + detailed.Detail
	return &detailed
}

// isOfServer reports whether another server may answer otherwise than with this error of package
// dcb: the server does not answer, lags, has too much to do, or cannot read its files.
func isOfServer(err error) bool {
	e, ok := err.(*dcb.Error)
	return ok && slices.Contains(kindsOfServer, e.Kind)
}

var kindsOfServer = []error{dcb.ErrTransport, dcb.ErrIO, dcb.ErrCorruption, dcb.ErrInternal}

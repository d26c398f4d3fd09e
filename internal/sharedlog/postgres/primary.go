package postgres

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/umadb-go/umadb/internal/retry"
)

// hostsOf returns a configuration for each host of a configuration.
func hostsOf(config *pgx.ConnConfig) (hosts []*pgx.ConnConfig) {
	first := config.Copy()
	others := first.Fallbacks
	first.Fallbacks = nil
	hosts = append(hosts, first)
	for _, other := range others {
		last := hosts[len(hosts)-1]
		if other.Host == last.Host && other.Port == last.Port { // the same host without TLS, for example
			last.Fallbacks = append(last.Fallbacks, other)
			continue
		}
		next := config.Copy()
		next.Host, next.Port, next.TLSConfig, next.Fallbacks = other.Host, other.Port, other.TLSConfig, nil
		hosts = append(hosts, next)
	}
	return hosts
}

// attempt is the result of an attempt to connect to a host.
type attempt struct {
	host int
	conn *pooled
	err  error
}

// connect connects to all hosts at the same time, and returns the first connection that is usable.
// A host that does not answer, or a server that was the primary and whose commits wait forever,
// does not delay the others: as long as one host has not answered, the others are tried again,
// since one of them may become the primary.
func (p *pool) connect(ctx context.Context) (*pooled, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results, running := make(chan attempt), 0
	reached := make([]atomic.Bool, len(p.hosts)) // the last attempt has connected
	start := func(host int, pause time.Duration) {
		running++
		go func() {
			_ = retry.Wait(ctx, pause)
			reached[host].Store(false)
			conn, err := p.attempt(ctx, host, &reached[host])
			results <- attempt{host, conn, err}
		}()
	}
	for host := range p.hosts {
		start(host, 0)
	}
	errs := make(hostErrors, len(p.hosts))
	for {
		var a attempt
		select {
		case a = <-results:
		case <-ctx.Done(): // an attempt may not return yet, while it looks up a name for example
			go discard(results, running)
			return nil, p.unfinished(errs, reached, context.Cause(ctx))
		}
		running--
		if a.err == nil {
			go discard(results, running)
			return a.conn, p.opened(a.conn)
		}
		errs[a.host] = &hostError{nameOf(p.hosts[a.host]), a.err}
		if !slices.Contains(errs, nil) {
			go discard(results, running)
			return nil, errs
		}
		start(a.host, reconnectInterval)
	}
}

// unfinished returns the errors of the attempts if those without one have ended because of cause.
func (p *pool) unfinished(errs hostErrors, reached []atomic.Bool, cause error) hostErrors {
	for i, err := range errs {
		if err != nil {
			continue
		}
		err = cause
		if reached[i].Load() && errors.Is(cause, context.DeadlineExceeded) {
			err = &unconfirmedError{cause}
		}
		errs[i] = &hostError{nameOf(p.hosts[i]), err}
	}
	return errs
}

// discard closes what a number of attempts have connected.
func discard(results <-chan attempt, number int) {
	for range number {
		if a := <-results; a.err == nil {
			closeSoon(a.conn.Conn)
		}
	}
}

// attempt connects to a host. It sets reached when it has a connection, which it then prepares.
func (p *pool) attempt(ctx context.Context, host int, reached *atomic.Bool) (*pooled, error) {
	config := p.hosts[host].Copy()
	neverCancel(config)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	reached.Store(true)
	server, err := p.prepare(ctx, conn)
	if err != nil {
		closeSoon(conn)
		return nil, err
	}
	return &pooled{Conn: conn, server: server}, nil
}

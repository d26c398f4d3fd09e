package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/net/http2"
)

// serviceManager notifies systemd of the state of the server. Without the variable
// NOTIFY_SOCKET, which systemd sets for a unit with Type=notify, it does nothing.
type serviceManager struct{ log *slog.Logger }

func (m serviceManager) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		m.log.Warn("cannot notify systemd of the state of the server", "state", state, "error", err)
	}
}

func (m serviceManager) ready()    { m.notify(daemon.SdNotifyReady) }
func (m serviceManager) stopping() { m.notify(daemon.SdNotifyStopping) }

// reloading notifies systemd that a reload begins, which ready ends.
func (m serviceManager) reloading() {
	m.notify(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
}

// watch feeds the watchdog of systemd, if the unit has one, until stop is called. It feeds
// it only while alive returns true: otherwise systemd ends the process with SIGABRT, whose
// handler prints the stacks of all goroutines, and restarts it.
//
// A server that was unreachable for itself from the start, because of a firewall for example,
// is not checked: restarts would not make it reachable.
func (m serviceManager) watch(alive func(context.Context) bool) (stop func()) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		m.log.Warn("cannot feed the watchdog of systemd", "error", err)
	}
	if err != nil || interval <= 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	go m.feed(ctx, interval/3, alive)
	return cancel
}

func (m serviceManager) feed(ctx context.Context, period time.Duration, alive func(context.Context) bool) {
	check := func() bool {
		within, cancel := context.WithTimeout(ctx, period)
		defer cancel()
		return alive(within)
	}
	checked := check()
	if !checked {
		m.log.Warn("the server cannot reach its own address; the watchdog of systemd is fed without a check")
	}
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		if !checked || check() {
			m.notify(daemon.SdNotifyWatchdog)
		} else if ctx.Err() == nil {
			m.log.Error("the server does not answer; the watchdog of systemd is not fed")
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// answers returns a check of whether the server answers a new connection to its address. It
// detects a deadlock, and nothing that a restart does not cure: a slow disk, failed appends,
// a wrong certificate and refused connections are answers.
func answers(address net.Addr, withTLS bool) func(context.Context) bool {
	return func(ctx context.Context) bool {
		conn, err := new(net.Dialer).DialContext(ctx, address.Network(), address.String())
		if err != nil {
			return !isTimeout(err)
		}
		defer conn.Close()
		if deadline, ok := ctx.Deadline(); ok {
			_ = conn.SetDeadline(deadline) // fails only if the connection is closed
		}
		if withTLS {
			return !isTimeout(tls.Client(conn, answeredTLS).Handshake())
		}
		if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
			return !isTimeout(err)
		}
		_, err = conn.Read(make([]byte, 1))
		return !isTimeout(err)
	}
}

// answeredTLS ends a handshake once the server has answered: nothing is sent that its
// certificate would protect, and a server that requires a certificate does not ask for one.
var answeredTLS = &tls.Config{
	InsecureSkipVerify: true,
	NextProtos:         []string{http2.NextProtoTLS},
	VerifyConnection:   func(tls.ConnectionState) error { return errAnswered },
}

var errAnswered = errors.New("the server has answered")

func isTimeout(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

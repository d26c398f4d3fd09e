package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	connectTimeout = 5 * time.Second
	barrierTimeout = 10 * time.Second
	minVersion     = 14_00_00
)

// session are the settings on which the promises depend, whatever the defaults of the server or
// the role are. The time limits end requests whose clients have gone. None of them can end
// the wait for a standby.
var session = map[string]string{
	"synchronous_commit":                  "on",
	"default_transaction_isolation":       "read committed",
	"default_transaction_read_only":       "off",
	"lock_timeout":                        "5s",
	"idle_in_transaction_session_timeout": "10s",
	"statement_timeout":                   "0",
	"application_name":                    "umadb",
}

// codeWarning is the code of the notice that a wait for synchronous replication was
// cancelled: the commit is visible, but perhaps on no standby.
const codeWarning = "01000"

// cancelled is the key of the data of a connection that is set by this notice.
const cancelled = "umadb: cancelled"

var (
	errNotReplicated = errors.New("the wait for synchronous replication was cancelled")
	errNoCancel      = errors.New("a request is never cancelled")
)

// configure sets up the connections to a server.
func configure(config *pgx.ConnConfig) {
	for name, value := range session {
		config.RuntimeParams[name] = value
	}
	config.ConnectTimeout = connectTimeout
	config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsPrimary
	config.OnNotice = func(conn *pgconn.PgConn, notice *pgconn.Notice) {
		if notice.Code == codeWarning {
			conn.CustomData()[cancelled] = true
		}
	}
}

// prepare makes a connection usable and returns the identity of its server, or returns why the
// connection must not be used.
func (l *Log) prepare(ctx context.Context, conn *pgx.Conn) (identity string, err error) {
	ctx, cancel := context.WithTimeout(ctx, barrierTimeout)
	defer cancel()
	s, err := l.inspect(ctx, conn)
	if err != nil {
		return "", err
	}
	switch _, err := l.barrier(ctx, conn); {
	case errors.Is(err, context.DeadlineExceeded):
		return "", &unconfirmedError{err}
	case err != nil && !isMissing(err):
		return "", fmt.Errorf("the first commit of a connection: %w", err)
	}
	return s.started, notReplicated(conn)
}

// neverCancel makes the driver unable to send cancel requests. It would send one whenever a
// connection breaks or a context ends. If the request is a commit that waits for a standby, this
// would make the commit visible at once.
func neverCancel(c *pgx.ConnConfig) {
	dial := c.DialFunc
	var connected atomic.Bool
	c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if connected.Load() {
			return nil, errNoCancel
		}
		return dial(ctx, network, address)
	}
	c.AfterConnect = func(context.Context, *pgconn.PgConn) error {
		connected.Store(true)
		return nil
	}
}

// notReplicated returns an error if a commit on a connection was cancelled since the last call.
func notReplicated(conn *pgx.Conn) error {
	data := conn.PgConn().CustomData()
	if data[cancelled] == nil {
		return nil
	}
	delete(data, cancelled)
	return errNotReplicated
}

// server are the properties of a server that matter.
type server struct {
	standby                  bool
	version                  int
	fsync, pageWrites, names string
	started                  string // to the microsecond, so that it identifies the server
}

// inspect returns an error if the server cannot keep the promises. It is called for each
// connection, because another server may have taken over.
func (l *Log) inspect(ctx context.Context, conn *pgx.Conn) (s server, err error) {
	err = conn.QueryRow(ctx, `SELECT pg_is_in_recovery(), current_setting('server_version_num')::int,
		current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_standby_names'),
		extract(epoch FROM pg_postmaster_start_time())::text`).
		Scan(&s.standby, &s.version, &s.fsync, &s.pageWrites, &s.names, &s.started)
	if err != nil {
		return s, err
	}
	l.alone.Store(s.names == "")
	return s, s.check()
}

func (s server) check() error {
	switch {
	case s.version < minVersion:
		return fmt.Errorf("the server has version %d, but 14 is the oldest that is supported", s.version/10_000)
	case s.standby:
		return errors.New("the server is a standby: connect to the primary")
	case s.fsync != "on":
		return fmt.Errorf("the server has fsync=%s, and would lose records: it must be on", s.fsync)
	case s.pageWrites != "on":
		return fmt.Errorf("the server has full_page_writes=%s, and would lose records: it must be on", s.pageWrites)
	}
	return nil
}

// isDenied reports whether an error means that the server does not accept the user.
func isDenied(err error) bool {
	var failure *pgconn.PgError
	return errors.As(err, &failure) && (failure.Code == "28P01" || failure.Code == "28000")
}

// isMissing reports whether an error means that there is no log.
func isMissing(err error) bool {
	var failure *pgconn.PgError
	return errors.As(err, &failure) && (failure.Code == "42P01" || failure.Code == "3F000") ||
		errors.Is(err, pgx.ErrNoRows)
}

package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

func TestReasonsOfHosts(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	noTLS := errors.New("server refused TLS connection")
	missing := &pgconn.PgError{Severity: "FATAL", Code: codeNoDatabase, Message: `database "ordrs" does not exist`}
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"the same with and without TLS", errors.Join(refused, refused), "connection refused"},
		{"a standby without TLS", errors.Join(fmt.Errorf("tls error: %w", noTLS), fmt.Errorf("ValidateConnect failed: %w", pgconn.ErrStandbyConnection)), "it is a standby"},
		{"TLS is required", fmt.Errorf("tls error: %w", noTLS), "server refused TLS connection"},
		{"an error of the server", errors.Join(noTLS, missing), `database "ordrs" does not exist`},
		{"different addresses of a name", errors.Join(refused, context.DeadlineExceeded), "connection refused, no answer in time"},
		{"a commit that waits", &unconfirmedError{context.DeadlineExceeded}, (&unconfirmedError{}).Error()},
		{"an unknown cause", errors.New("broken"), "broken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := reason(c.err); got != c.want {
				t.Errorf("the reason is %q, want %q", got, c.want)
			}
		})
	}
	errs := hostErrors{&hostError{"db1:5432", refused}, &hostError{"db2:5432", pgconn.ErrStandbyConnection}}
	if got, want := errs.Error(), "no server of 2 can be used: db1:5432: connection refused; db2:5432: it is a standby"; got != want {
		t.Errorf("the error is %q, want %q", got, want)
	}
	if !errors.Is(errs, syscall.ECONNREFUSED) || !errors.Is(errs, pgconn.ErrStandbyConnection) {
		t.Error("the error hides its causes")
	}
}

func TestExplanationsOfRequests(t *testing.T) {
	denied := &pgconn.PgError{Code: "28P01", Message: "password authentication failed"}
	missing := &pgconn.PgError{Code: codeNoDatabase, Message: "no such database"}
	forbidden := &pgconn.PgError{Code: codeNoPrivilege, Message: "permission denied for table umadb_record"}
	waits := fmt.Errorf("timeout: %w", context.DeadlineExceeded)
	for _, c := range []struct {
		name  string
		err   error
		want  string
		cause error
	}{
		{"the password", hostErrors{&hostError{"db1:5432", denied}}, "the server refuses the user; set its password in " + sharedlog.PasswordVariable + ": db1:5432: password authentication failed", denied},
		{"the database", missing, "the database does not exist; create it with CREATE DATABASE, or correct the URL: ", missing},
		{"a privilege", forbidden, "the user of the URL needs the right to create a schema in the database, or all privileges", forbidden},
		{"a request that waits", waits, "the server has not answered in time: if it waits for a synchronous standby, start one", waits},
		{"a host that does not answer", hostErrors{&hostError{"db1:5432", waits}}, "db1:5432: no answer in time", waits},
		{"a caller that gives up", context.Canceled, "context canceled", context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := explain(c.err)
			if !strings.HasPrefix(got.Error(), c.want) {
				t.Errorf("the error is %q, want %q", got, c.want)
			}
			if !errors.Is(got, c.cause) {
				t.Error("the error hides its cause")
			}
		})
	}
}

// A host that was reached when the time is up is named with what it has not done, and the others
// with what they are.
func TestAConnectionThatIsNotConfirmed(t *testing.T) {
	config, err := pgx.ParseConfig("postgres://umadb@db1:5432,db2/orders?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	p := newPool(config, nil)
	reached := make([]atomic.Bool, 2)
	reached[0].Store(true)
	got := p.unfinished(make(hostErrors, 2), reached, context.DeadlineExceeded)
	want := "no server of 2 can be used: db1:5432: " + (&unconfirmedError{}).Error() + "; db2:5432: no answer in time"
	if got.Error() != want {
		t.Errorf("the error is %q, want %q", got, want)
	}
}

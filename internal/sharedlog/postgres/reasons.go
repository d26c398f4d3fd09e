package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// unconfirmedError is the error of a server that can be reached, but does not confirm a commit in
// time. The usual cause is that its synchronous standbys are away.
type unconfirmedError struct{ err error }

func (e *unconfirmedError) Error() string {
	return "it accepts connections, but has not confirmed a commit in time: if it waits for a synchronous standby, start one"
}

// Unwrap returns the error of the commit.
func (e *unconfirmedError) Unwrap() error { return e.err }

// Codes of errors of a server.
const (
	codeNoDatabase  = "3D000" // it does not have the database
	codeNoPrivilege = "42501" // the user may not do that
)

// hostError is why a host cannot be used.
type hostError struct {
	host string
	err  error
}

func (e *hostError) Error() string { return e.host + ": " + reason(e.err) }

// Unwrap returns the error of the attempt to connect.
func (e *hostError) Unwrap() error { return e.err }

// hostErrors are the errors of the attempts to connect to several hosts.
type hostErrors []error

func (h hostErrors) Error() string {
	texts := make([]string, len(h))
	for i, err := range h {
		texts[i] = err.Error()
	}
	if len(h) == 1 {
		return texts[0]
	}
	return fmt.Sprintf("no server of %d can be used: %s", len(h), strings.Join(texts, "; "))
}

// Unwrap returns the errors.
func (h hostErrors) Unwrap() []error { return h }

// nameOf returns the address of a host as in the URL.
func nameOf(config *pgx.ConnConfig) string {
	if strings.HasPrefix(config.Host, "/") { // the directory of a Unix socket
		return config.Host
	}
	return net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
}

// reason returns the causes of an error of the driver, each once. The message of the driver has one
// line for each address, with and without TLS, and repeats the user and the database.
func reason(err error) string {
	causes := causesOf(err)
	const noTLS = "server refused TLS connection" // as long as that is not the only cause, TLS is optional
	if others := slices.DeleteFunc(slices.Clone(causes), func(s string) bool { return s == noTLS }); len(others) > 0 {
		causes = others
	}
	return strings.Join(causes, ", ")
}

func causesOf(err error) (causes []string) {
	add := func(more ...string) {
		for _, text := range more {
			if !slices.Contains(causes, text) {
				causes = append(causes, text)
			}
		}
	}
	for err != nil {
		switch e := err.(type) {
		case *unconfirmedError:
			add(e.Error())
			return causes
		case *pgconn.PgError:
			add(e.Message)
			return causes
		case *net.OpError:
			add(causesOfNetwork(e))
			return causes
		case interface{ Unwrap() []error }:
			for _, one := range e.Unwrap() {
				add(causesOf(one)...)
			}
			return causes
		}
		next := errors.Unwrap(err)
		if next == nil {
			add(describe(err))
		}
		err = next
	}
	return causes
}

// causesOfNetwork returns the cause of an error of a connection, without the addresses.
func causesOfNetwork(e *net.OpError) string {
	text := e.Err.Error()
	if e.Timeout() {
		return "no answer in time"
	}
	for _, call := range []string{"connect: ", "read: ", "write: "} {
		text = strings.TrimPrefix(text, call)
	}
	return text
}

func describe(err error) string {
	switch {
	case errors.Is(err, pgconn.ErrStandbyConnection):
		return "it is a standby"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	}
	return err.Error()
}

// slowError is the error of a request that was sent and has no answer in time.
type slowError struct{ err error }

func (e *slowError) Error() string {
	return "the server has not answered in time: if it waits for a synchronous standby, start one"
}

// Unwrap returns the error of the request.
func (e *slowError) Unwrap() error { return e.err }

// explain returns an error of a request with what to do about it.
func explain(err error) error {
	var failure *pgconn.PgError
	var hosts hostErrors
	switch {
	case isDenied(err):
		return fmt.Errorf("the server refuses the user; set its password in %s: %w", sharedlog.PasswordVariable, err)
	case errors.As(err, &failure) && failure.Code == codeNoDatabase:
		return fmt.Errorf("the database does not exist; create it with CREATE DATABASE, or correct the URL: %w", err)
	case errors.As(err, &failure) && failure.Code == codeNoPrivilege:
		return fmt.Errorf("the user of the URL needs the right to create a schema in the database, or all privileges on that of the log and its tables; see GRANT: %w", err)
	case errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &hosts):
		return &slowError{err}
	}
	return err
}

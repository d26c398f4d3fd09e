package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/umadb-go/umadb/internal/servertest"
)

// postgres is a PostgreSQL server with an event table.
type postgres struct{}

// postgresUser is the name of the database's superuser, who needs no password.
const postgresUser = "bench"

// postgresSettings are the settings that differ from the defaults: none that concern
// speed or durability.
var postgresSettings = []string{
	"-c", "listen_addresses=127.0.0.1",
	"-c", "unix_socket_directories=",
	"-c", "max_connections=1100", // more than any workload has
}

// findPostgres returns the path of the server: that of PATH, or the newest one where
// Debian's packages install it.
func findPostgres() (string, error) {
	if path, err := exec.LookPath("postgres"); err == nil {
		return path, nil
	}
	installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(installed) == 0 {
		return "", errors.New("there is no PostgreSQL server: no program postgres in PATH or in /usr/lib/postgresql")
	}
	major := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	return slices.MaxFunc(installed, func(a, b string) int { return major(a) - major(b) }), nil
}

func (postgres) start(ctx context.Context, command []string, address, store string) (running, error) {
	store, err := filepath.Abs(store) // the server has another working directory
	if err != nil {
		return nil, err
	}
	_, err = os.Stat(store)
	isNew := errors.Is(err, fs.ErrNotExist)
	if isNew {
		if err := createCluster(ctx, command[0], store); err != nil {
			return nil, err
		}
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	args := append(command[1:len(command):len(command)], "-D", store, "-p", port)
	cmd, err := asOrdinaryUser(exec.Command(command[0], append(args, postgresSettings...)...))
	if err != nil {
		return nil, err
	}
	p, err := servertest.StartListener(ctx, cmd, address)
	if err != nil {
		return nil, err
	}
	if err := setUpPostgres(ctx, address, isNew); err != nil {
		p.Kill()
		return nil, fmt.Errorf("%w; it printed: %s", err, p.Output)
	}
	return p, nil
}

// createCluster creates the data directory. PostgreSQL does not run as root, so it may
// belong to another user.
func createCluster(ctx context.Context, program, store string) error {
	if err := os.Mkdir(store, 0o700); err != nil {
		return err
	}
	program, err := filepath.EvalSymlinks(program)
	if err != nil {
		return err
	}
	initdb := exec.CommandContext(ctx, filepath.Join(filepath.Dir(program), "initdb"),
		"-D", store, "-U", postgresUser, "--auth=trust", "--encoding=UTF8", "--no-locale")
	if initdb, err = asOrdinaryUser(initdb); err != nil {
		return err
	}
	if err := allowOrdinaryUser(store); err != nil {
		return err
	}
	if output, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w; it printed: %s", err, output)
	}
	return nil
}

// setUpPostgres waits until the server is ready, which is later than it listens, and
// creates the table in a new cluster.
func setUpPostgres(ctx context.Context, address string, isNew bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var conn *pgx.Conn
	var err error
	for conn, err = connectPostgres(ctx, address); err != nil; conn, err = connectPostgres(ctx, address) {
		if sleep(ctx, 20*time.Millisecond) != nil {
			return err
		}
	}
	defer conn.Close(ctx)
	if !isNew {
		return nil
	}
	_, err = conn.Exec(ctx, postgresSchema)
	if err == nil {
		_, err = conn.Exec(ctx, postgresStatistics)
	}
	return err
}

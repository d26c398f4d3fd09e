package postgres

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

func TestParse(t *testing.T) {
	t.Setenv(sharedlog.PasswordVariable, "of the environment")
	s, err := parse("postgres://me:secret@a,b/db?schema=orders&poll=200ms&durability=storage&sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	if s.schema != "orders" || s.poll != 200*time.Millisecond || !s.storage || s.conn.Password != "secret" {
		t.Errorf("parsed %+v", s)
	}
	if s, err = parse("postgres://me@a/db"); err != nil {
		t.Fatal(err)
	}
	if s.schema != defaultSchema || s.poll != time.Second || s.storage || s.conn.Password != "of the environment" {
		t.Errorf("parsed %+v", s)
	}
}

func TestParseHosts(t *testing.T) {
	t.Setenv("PGPORT", "")
	for address, want := range map[string]string{
		"postgres://me@a/db":                 "[a:5432]",
		"postgres://me@a,b/db":               "[a:5432 b:5432]",
		"postgres://me@a:1,b:2/db":           "[a:1 b:2]",
		"postgres://me@a:1,b/db":             "[a:1 b:5432]",
		"postgres://me@a,b:2,[::1]/db":       "[a:5432 b:2 ::1:5432]",
		"postgres:///db?host=/run&port=1234": "[/run:1234]",
	} {
		s, err := parse(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		var got []string
		for _, host := range hostsOf(s.conn) {
			got = append(got, fmt.Sprintf("%s:%d", host.Host, host.Port))
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: the hosts are %v, want %s", address, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, url := range []string{
		"mysql://me:secret@a/db", "postgres://me:secret@a/db?schema=", "postgres://me:secret@a/db?schema=a%22b",
		"postgres://me:secret@a/db?schema=" + strings.Repeat("a", maxSchema+1), "postgres://me:secret@a/db?poll=1",
		"postgres://me:secret@a/db?poll=0s", "postgres://me:secret@a/db?durability=none", "postgres://me:secret@a:port/db",
		"postgres://me:secret@a/%zz",
	} {
		_, err := parse(url)
		if !errors.Is(err, sharedlog.ErrURL) {
			t.Errorf("%s: %v", url, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error contains the password: %v", err)
		}
	}
}

func TestCheckRefusesOldServers(t *testing.T) {
	s := server{version: 14_00_00, fsync: "on", pageWrites: "on"}
	if err := s.check(); err != nil {
		t.Errorf("version 14: %v", err)
	}
	if s.version--; s.check() == nil {
		t.Error("version 13 was accepted")
	}
}

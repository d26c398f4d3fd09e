package etcd

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/servertest"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

func TestParse(t *testing.T) {
	t.Setenv(sharedlog.PasswordVariable, "of the environment")
	s, err := parse("etcd://me@a,b:1,c/teams/orders?poll=200ms&max-request-bytes=4194304")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.endpoints, []string{"a:2379", "b:1", "c:2379"}) || s.prefix != "teams/orders" || s.user != "me" ||
		s.password != "of the environment" || s.tls != nil || s.poll != 200*time.Millisecond || s.requestBytes != 4<<20 {
		t.Errorf("parsed %+v", s)
	}
	if s, err = parse("etcd://[::1]:1"); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.endpoints, []string{"[::1]:1"}) || s.prefix != defaultPrefix || s.poll != time.Second || s.requestBytes != defaultRequestBytes {
		t.Errorf("parsed %+v", s)
	}
}

func TestParseTLS(t *testing.T) {
	files, err := servertest.WriteCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string][2]bool{ // authorities, certificate of the client
		"?tls=true":       {false, false},
		"?ca=" + files.CA: {true, false},
		"?cert=" + files.Cert + "&key=" + files.Key: {false, true},
		"?tls=true&ca=" + files.CA + "&poll=1s":     {true, false},
	} {
		s, err := parse("etcd://a/p" + query)
		if err != nil || s.tls == nil || (s.tls.RootCAs != nil) != want[0] || (len(s.tls.Certificates) > 0) != want[1] {
			t.Errorf("%s: %+v, %v", query, s, err)
			continue
		}
		if address := s.configure(s.endpoints).Endpoints[0]; address != "https://a:2379" {
			t.Errorf("%s: the address is %s", query, address)
		}
	}
	for _, query := range []string{
		"?tls=false&ca=" + files.CA, "?ca=" + files.Key, "?ca=/missing", "?cert=" + files.Cert, "?cert=" + files.Cert + "&key=" + files.CA,
	} {
		if _, err := parse("etcd://a/p" + query); err == nil {
			t.Errorf("%s was accepted", query)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Setenv(sharedlog.PasswordVariable, "")
	for _, url := range []string{
		"postgres://me:secret@a/p", "etcd:///p", "etcd://a,,b/p", "etcd://me@a/p", "etcd://me:secret@a/a%20b", "etcd://me:secret@a//p",
		"etcd://me:secret@a/p/", "etcd://me:secret@a/" + strings.Repeat("a", maxPrefix+1), "etcd://me:secret@a/p?poll=1",
		"etcd://me:secret@a/p?poll=0s", "etcd://me:secret@a/p?tls=yes", "etcd://me:secret@a/p?max-request-bytes=1000",
		"etcd://me:secret@a/p?max-request-bytes=1MiB", "etcd://me:secret@a/p?schema=a", "etcd://me:secret@a/%zz",
	} {
		_, err := parse(url)
		if !errors.Is(err, sharedlog.ErrURL) {
			t.Errorf("%s: %v", url, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error contains the password: %v", err)
		}
	}
}

func TestCheckVersion(t *testing.T) {
	for version, want := range map[string]bool{
		"3.6.9": true, "3.6.10": true, "3.7.0": true, "3.7.0-rc.0": true, "4.0.0": true,
		"3.6.8": false, "3.5.30": false, "2.9.9": false, "": false, "3.7": false, "3.x.1": false,
	} {
		if err := checkVersion(version); (err == nil) != want {
			t.Errorf("version %q: %v", version, err)
		}
	}
}

func TestKeysOfLogsAreInOrder(t *testing.T) {
	k := newKeys("p")
	if !slices.IsSorted([]string{k.records, k.record(0), k.record(9), k.record(10), k.record(1<<64 - 1), k.records + pastDigits}) {
		t.Error("the keys of records are not in order")
	}
	nested := newKeys(k.records + "x")
	if key := nested.head; key < k.records+pastDigits {
		t.Errorf("the key %s of another log is among the records", key)
	}
}

func TestHistoryIsCompactedAfterTheInterval(t *testing.T) {
	h := history{interval: time.Hour}
	if old := h.next(5); old != 0 {
		t.Errorf("the first report compacts revision %d", old)
	}
	if old := h.next(7); old != 0 {
		t.Errorf("a report within the interval compacts revision %d", old)
	}
	h.interval = 0
	if old := h.next(9); old != 5 {
		t.Errorf("a report after the interval compacts revision %d, want 5", old)
	}
}

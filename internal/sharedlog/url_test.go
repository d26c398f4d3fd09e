package sharedlog_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

func TestParseURL(t *testing.T) {
	for text, want := range map[string][]string{
		"etcd://a":                      {"a"},
		"etcd://me@a:1,b,[::1]:2/p?x=1": {"a:1", "b", "[::1]:2"},
		"etcd://me:%40@a,b:1?x=1":       {"a", "b:1"},
		"postgres:///db":                {""},
	} {
		u, hosts, err := sharedlog.ParseURL(text)
		if err != nil || !slices.Equal(hosts, want) || u.String() != text {
			t.Errorf("%s: %v, %q, %v", text, u, hosts, err)
		}
	}
	for _, text := range []string{"", "me:secret@a", "et cd://me:secret@a", "etcd://me:secret@a/%zz", "etcd://me:sec%ret@a", "etcd://me:secret@a,%zz", "etcd://me:secret@a,b:port"} {
		if _, _, err := sharedlog.ParseURL(text); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/umadb-go/umadb/internal/sharedlog/etcd/etcdtest"
	"github.com/umadb-go/umadb/internal/sharedlog/postgres/pgtest"
)

// engines start an engine of three servers, and return the URL of the shared log.
var engines = map[string]func(*lifetime) string{
	"etcd":     func(l *lifetime) string { return etcdtest.Start(l, count).URL("bench") },
	"postgres": func(l *lifetime) string { return pgtest.Start(l, count-1).URL() },
}

func engineNames() string { return strings.Join(slices.Sorted(maps.Keys(engines)), ", ") }

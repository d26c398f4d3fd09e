package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/umadb-go/umadb/internal/sharedlog/postgres/pgtest"
)

// engines start an engine of three servers, and return the URL of the shared log.
var engines = map[string]func(*lifetime) string{
	"postgres": func(l *lifetime) string { return pgtest.Start(l, count-1).URL() },
}

func engineNames() string { return strings.Join(slices.Sorted(maps.Keys(engines)), ", ") }

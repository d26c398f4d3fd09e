package main

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/compressed"
	"github.com/umadb-go/umadb/internal/sharedlog/etcd"
	"github.com/umadb-go/umadb/internal/sharedlog/etcd/etcdtest"
	"github.com/umadb-go/umadb/internal/sharedlog/postgres"
	"github.com/umadb-go/umadb/internal/sharedlog/postgres/pgtest"
)

// engine is an engine of three members.
type engine struct {
	url string // of the shared log
	// open opens the shared log.
	open func(context.Context) (sharedlog.Log, error)
	// One of these is set.
	etcd     *etcdtest.Cluster
	postgres *pgtest.Cluster
}

// engines start an engine.
var engines = map[string]func(*lifetime) *engine{"etcd": startEtcd, "postgres": startPostgres}

func engineNames() string { return strings.Join(slices.Sorted(maps.Keys(engines)), ", ") }

func startEtcd(l *lifetime) *engine {
	cluster := etcdtest.Start(l, count)
	url := cluster.URL("bench")
	return &engine{url: url, etcd: cluster, open: func(ctx context.Context) (sharedlog.Log, error) {
		log, err := etcd.Open(ctx, url)
		if err != nil {
			return nil, err
		}
		return compressed.New(log), nil
	}}
}

func startPostgres(l *lifetime) *engine {
	cluster := pgtest.Start(l, count-1)
	url := cluster.URL()
	return &engine{url: url, postgres: cluster, open: func(ctx context.Context) (sharedlog.Log, error) {
		log, err := postgres.Open(ctx, url)
		if err != nil {
			return nil, err
		}
		return compressed.New(log), nil
	}}
}

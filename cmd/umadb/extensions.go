package main

import (
	"context"

	"github.com/umadb-go/umadb/internal/cli"
	"github.com/umadb-go/umadb/internal/eventtable/parquet"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/compressed"
	"github.com/umadb-go/umadb/internal/sharedlog/etcd"
	"github.com/umadb-go/umadb/internal/sharedlog/postgres"
)

// extensions are linked only by this program, not by the Go library and the Python package.
var extensions = cli.Extensions{Engines: engines, Parquet: parquet.New}

// engines keep shared logs.
var engines = []cli.Engine{
	{
		Schemes: []string{"postgres", "postgresql"},
		Example: "postgres://umadb@db1,db2/orders",
		Open:    compress(postgres.Open),
	},
	{
		Schemes: []string{"etcd"},
		Example: "etcd://etcd1,etcd2,etcd3/orders",
		Open:    compress(etcd.Open),
	},
}

// compress returns the Open of an engine whose records are compressed.
func compress[L interface {
	sharedlog.Log
	Warnings() []string
}](open func(context.Context, string) (L, error)) func(context.Context, string) (sharedlog.Log, []string, error) {
	return func(ctx context.Context, url string) (sharedlog.Log, []string, error) {
		log, err := open(ctx, url)
		if err != nil {
			return nil, nil, err
		}
		return compressed.New(log), log.Warnings(), nil
	}
}

package main

import (
	"context"

	"github.com/umadb-go/umadb/internal/cli"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/compressed"
	"github.com/umadb-go/umadb/internal/sharedlog/postgres"
)

// engines keep shared logs. Only this program links them, not the Go library and the Python
// package.
var engines = []cli.Engine{{
	Schemes: []string{"postgres", "postgresql"},
	Example: "postgres://umadb@db1,db2/orders",
	Open: func(ctx context.Context, url string) (sharedlog.Log, []string, error) {
		log, err := postgres.Open(ctx, url)
		if err != nil {
			return nil, nil, err
		}
		return compressed.New(log), log.Warnings(), nil
	},
}}

package cli

import (
	"log/slog"
	"net"

	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/internal/monitoring"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/store"
)

// metricsFlags are the flags of a server about metrics and health over HTTP.
type metricsFlags struct {
	address string // empty for none
	debug   bool

	exemplars monitoring.Exemplars
}

func (o *metricsFlags) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.address, "metrics", "", "`address` of metrics and health over HTTP, as host:port, such as 127.0.0.1:9464; they are not served without it")
	flags.BoolVar(&o.debug, "debug", false, "serve profiles of the process at /debug/pprof/ of the address of --metrics")
}

func (o *metricsFlags) validate() error {
	if o.address == "" {
		if o.debug {
			return usageErrorf("--debug is given without --metrics: set the address at which profiles are served")
		}
		return nil
	}
	return checkAddress("metrics", o.address)
}

// preflight checks that the address can be used, as that of clients.
func (o *metricsFlags) preflight() error {
	if o.address == "" {
		return nil
	}
	return tryListen("metrics", o.address)
}

// start serves metrics and health until stop is called.
func (o *metricsFlags) start(opened *store.Store, srv *server.Server, logger *slog.Logger) (stop func(), err error) {
	if o.address == "" {
		return func() {}, nil
	}
	lis, err := net.Listen("tcp", o.address)
	if err != nil {
		return nil, explainListen("metrics", err)
	}
	if o.debug && !isLoopback(lis.Addr()) {
		logger.Warn("profiles of the process are served without a key: any client that can connect to this address can read them and slow the server down", "address", lis.Addr().String())
	}
	build := thisVersion()
	monitor := monitoring.Start(lis, monitoring.Options{
		Store:     opened,
		Server:    srv,
		Version:   monitoring.Version{Version: build.Version, Commit: build.Commit, Go: build.Go},
		Exemplars: &o.exemplars,
		Debug:     o.debug,
		Logger:    logger,
	})
	logger.Info("serving metrics and health over HTTP", "address", lis.Addr().String(), "debug", o.debug)
	return monitor.Stop, nil
}

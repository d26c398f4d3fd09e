package cli

import (
	"log/slog"
	"os"

	"github.com/umadb-go/umadb/internal/server"
)

// reloadOn starts a goroutine that reloads at each signal, until stop is called. It is
// not waited for, so a file that cannot be read in time does not keep the server from
// stopping.
func (o *serveOptions) reloadOn(signals <-chan os.Signal, srv *server.Server, logger *slog.Logger) (stop func()) {
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-signals:
				o.reload(srv, logger)
			case <-done:
				return
			}
		}
	}()
	return func() { close(done) }
}

// reload reads the files of the settings of a running server again. A setting that
// cannot be used is unchanged. Connections and calls in progress are not affected.
func (o *serveOptions) reload(srv *server.Server, logger *slog.Logger) {
	logger.Info("reading certificate, API key and log level again, as far as files have them")
	for _, setting := range []struct {
		name, file string
		reload     func() error
	}{
		{"log level", o.log.file, func() error { return o.log.load(o.flags) }},
		{"TLS certificate", o.tlsCert, srv.ReloadCertificate},
		{"API key", o.apiKey.file, func() error {
			if err := o.apiKey.load(o.flags); err != nil {
				return err
			}
			return srv.SetAPIKey(o.apiKey.key)
		}},
	} {
		if setting.file == "" {
			continue
		}
		if err := setting.reload(); err != nil {
			logger.Error("a setting could not be read again and stays as it was", "setting", setting.name, "file", setting.file, "error", err)
			continue
		}
		logger.Info("a setting was read again", "setting", setting.name, "file", setting.file)
	}
}

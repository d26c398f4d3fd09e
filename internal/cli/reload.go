package cli

import (
	"log/slog"
	"os"

	"github.com/umadb-go/umadb/internal/server"
)

// reloadOn starts a goroutine that reloads at each signal, until stop is called. stop does
// not wait for it, so that a read that blocks does not keep the server from stopping.
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

// reload reads the files of the settings of a running server again. A setting that is
// invalid is unchanged. Connections and calls in progress are not affected.
func (o *serveOptions) reload(srv *server.Server, logger *slog.Logger) {
	logger.Info("reloading the certificate, the API key and the log level from their files")
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
			logger.Error("cannot reload a setting; it is unchanged", "setting", setting.name, "file", setting.file, "error", err)
			continue
		}
		logger.Info("reloaded a setting", "setting", setting.name, "file", setting.file)
	}
}

package cli

import (
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/umadb-go/umadb/internal/server"
)

const (
	// reloadPoll is how often the files of the settings are checked for changes.
	reloadPoll = time.Second
	// reloadPatience is how long changed files may be unusable before that is logged: a
	// certificate and its key are replaced one after the other.
	reloadPatience = 5 * time.Second
	// reloadWait is how long the other settings wait for one whose files do not respond.
	reloadWait = 2 * time.Second
)

// setting is a setting of a running server that is read from files.
type setting struct {
	name  string
	files []string                   // those with an empty name are not used
	load  func(*server.Server) error // may be called while another setting is loaded
}

// reloadable returns the settings that a running server reads again.
func (o *serveOptions) reloadable() []setting {
	return []setting{
		{"log level", []string{o.log.file}, func(srv *server.Server) error {
			err := o.log.load(o.flags)
			o.calls.observe(srv)
			return err
		}},
		{"maximum disk space", []string{o.disk.file}, func(*server.Server) error { return o.disk.reload(o.flags) }},
		{"TLS certificate", []string{o.tls.cert, o.tls.key}, (*server.Server).ReloadCertificate},
		{"client CA", []string{o.tls.clientCA}, (*server.Server).ReloadClientCA},
		{"API key", []string{o.apiKey.file}, func(srv *server.Server) error {
			key, err := o.apiKey.read(o.flags)
			if err != nil {
				return err
			}
			o.keysMu.Lock()
			defer o.keysMu.Unlock()
			o.apiKey.key = key
			return srv.SetAPIKey(key)
		}},
		{"API keys", []string{o.keys.file}, func(srv *server.Server) error {
			keys, err := o.keys.read()
			if err != nil {
				return err
			}
			o.keysMu.Lock()
			defer o.keysMu.Unlock()
			if err := o.setKeys(keys); err != nil {
				return err
			}
			return o.keys.use(srv)
		}},
	}
}

// reloader reads settings again, on a signal and when their files have changed. Connections
// and calls in progress are not affected. A setting whose files cannot be used is unchanged.
//
// A file on a network file system may not respond for as long as its server is down. So each
// setting is handled in a goroutine of its own, in the order of the settings unless that takes
// long.
type reloader struct {
	settings []*watchedSetting
	server   *server.Server
	log      *slog.Logger
}

// newReloader returns a reloader for the settings that have files. It must be called before
// the settings are used, so that it misses no change of the files.
func newReloader(settings []setting) *reloader {
	r := new(reloader)
	for _, s := range settings {
		if w := newWatchedSetting(s); len(w.files) > 0 {
			r.settings = append(r.settings, w)
		}
	}
	return r
}

// start starts a goroutine that reloads the settings of a server, until stop is called. stop
// does not wait for it, so that a read that blocks does not keep the server from stopping.
func (r *reloader) start(signals <-chan os.Signal, srv *server.Server, log *slog.Logger) (stop func()) {
	r.server, r.log = srv, log
	manager := serviceManager{log}
	done := make(chan struct{})
	go func() {
		poll := time.NewTicker(reloadPoll)
		defer poll.Stop()
		for {
			select {
			case <-signals:
				manager.reloading()
				r.reload()
				manager.ready()
			case <-poll.C:
				r.poll(time.Now())
			case <-done:
				return
			}
		}
	}()
	return func() { close(done) }
}

var (
	// errNotRegular is the error of a pipe, whose reading could block the reload of a setting
	// forever.
	errNotRegular = errors.New("it is not a regular file, and only these are read again")
	// errNoResponse is the error of a file that is still being read after reloadWait.
	errNoResponse = errors.New("its file system does not respond")
)

// reload reads all settings again.
func (r *reloader) reload() {
	r.log.Info("reloading the settings from their files")
	for _, w := range r.settings {
		w.blocked = false // report it again
		r.do(w, func() { r.reloadOne(w) })
	}
}

// poll reads the settings again whose files have changed.
func (r *reloader) poll(now time.Time) {
	for _, w := range r.settings {
		r.do(w, func() { r.pollOne(w, now) })
	}
}

// do calls f, which reads the files of a setting, in a goroutine, and waits for it for a
// while. While a previous call has not returned, do does nothing else.
func (r *reloader) do(w *watchedSetting, f func()) {
	if w.reading != nil {
		select {
		case <-w.reading:
		default:
			r.noteBlocked(w)
			return
		}
	}
	done := make(chan struct{})
	w.reading = done
	go func() {
		defer close(done)
		f()
	}()
	timeout := time.NewTimer(reloadWait)
	defer timeout.Stop()
	select {
	case <-done:
		w.reading, w.blocked = nil, false
	case <-timeout.C:
		r.noteBlocked(w)
	}
}

// noteBlocked logs once that the files of a setting do not respond.
func (r *reloader) noteBlocked(w *watchedSetting) {
	if !w.blocked {
		w.blocked = true
		r.logError(w, errNoResponse)
	}
}

// reloadOne reads a setting again.
func (r *reloader) reloadOne(w *watchedSetting) {
	if w.found = stat(w.files); !isWatchable(w.found) {
		r.report(w, errNotRegular)
		return
	}
	if err := r.load(w, digestOf(w.files)); err != nil {
		r.report(w, err)
	}
}

// pollOne reads a setting again if its files have changed.
func (r *reloader) pollOne(w *watchedSetting, now time.Time) {
	due := w.isDue(now)
	if w.regular && !w.reported && !isWatchable(w.found) {
		r.report(w, errNotRegular)
	}
	if !due {
		return
	}
	content := digestOf(w.files)
	if content == w.loaded && !w.reported {
		w.pending = false
		return
	}
	if err := r.load(w, content); err != nil && !w.reported && now.Sub(w.changed) >= reloadPatience {
		r.report(w, err)
	}
}

// load loads a setting whose files have the given content. After an error, the next polls try
// again.
func (r *reloader) load(w *watchedSetting, content digest) error {
	if err := w.load(r.server); err != nil {
		w.pending = true
		return err
	}
	w.loaded, w.pending, w.reported = content, false, false
	r.log.Info("reloaded a setting", "setting", w.name, "file", w.files[0])
	return nil
}

// report logs an error, and notes that until the setting is loaded.
func (r *reloader) report(w *watchedSetting, err error) {
	w.reported = true
	r.logError(w, err)
}

func (r *reloader) logError(w *watchedSetting, err error) {
	r.log.Error("cannot reload a setting; it is unchanged", "setting", w.name, "file", w.files[0], "error", err)
}

package cli

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/internal/server"
)

// pair is a setting that is read from two files, which must have the same content.
type pair struct {
	first, second string
	inUse         string
	loads         int
}

var errUnequal = errors.New("the files differ")

func (p *pair) load(*server.Server) error {
	first, err := os.ReadFile(p.first)
	if err != nil {
		return err
	}
	second, err := os.ReadFile(p.second)
	switch {
	case err != nil:
		return err
	case string(first) != string(second):
		return errUnequal
	}
	p.inUse = string(first)
	p.loads++
	return nil
}

// watchedPair is a pair of files, which contain "one" at first, and their reloader.
type watchedPair struct {
	*pair
	dir      string
	reloader *reloader
	now      time.Time
	log      bytes.Buffer
}

func watchPair(t *testing.T) *watchedPair {
	t.Helper()
	dir := t.TempDir()
	w := &watchedPair{pair: &pair{first: filepath.Join(dir, "first"), second: filepath.Join(dir, "second")}, dir: dir, now: time.Now()}
	put(t, w.first, "one")
	put(t, w.second, "one")
	w.reloader = newReloader([]setting{{"pair", []string{w.first, w.second}, w.load}, {"none", []string{""}, nil}})
	w.reloader.log = slog.New(slog.NewTextHandler(&w.log, nil))
	return w
}

// poll polls and returns the log of it.
func (w *watchedPair) poll(times int) string {
	w.log.Reset()
	for range times {
		w.now = w.now.Add(reloadPoll)
		w.reloader.poll(w.now)
	}
	return w.log.String()
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// wantLog checks that a log has the given number of lines, each with text.
func wantLog(t *testing.T, log string, lines int, text string) {
	t.Helper()
	if strings.Count(log, "\n") != lines || strings.Count(log, text) != lines {
		t.Errorf("the log is %q, want %d lines with %q", log, lines, text)
	}
}

func TestChangedFilesAreReloaded(t *testing.T) {
	p := watchPair(t)
	if log := p.poll(10); log != "" || p.loads != 0 {
		t.Errorf("without a change: %d loads, log %q", p.loads, log)
	}
	put(t, p.first, "three")
	put(t, p.second, "three")
	wantLog(t, p.poll(1), 0, "level=")
	wantLog(t, p.poll(1), 1, "reloaded a setting")
	if p.inUse != "three" {
		t.Errorf("in use is %q", p.inUse)
	}
	if log := p.poll(10); log != "" || p.loads != 1 {
		t.Errorf("after the change: %d loads, log %q", p.loads, log)
	}
}

func TestChangeWithoutNewContentIsIgnored(t *testing.T) {
	p := watchPair(t)
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(p.first, later, later); err != nil {
		t.Fatal(err)
	}
	if log := p.poll(10); log != "" || p.loads != 0 {
		t.Errorf("%d loads, log %q", p.loads, log)
	}
}

// Files that are replaced one after the other do not fit together meanwhile.
func TestHalfChangedFilesAreRetriedSilently(t *testing.T) {
	p := watchPair(t)
	put(t, p.first, "three")
	wantLog(t, p.poll(4), 0, "level=")
	put(t, p.second, "three")
	wantLog(t, p.poll(2), 1, "reloaded a setting")
	if p.inUse != "three" {
		t.Errorf("in use is %q", p.inUse)
	}
}

func TestUnusableFilesAreReportedOnce(t *testing.T) {
	for name, spoil := range map[string]func(*testing.T, *pair){
		"changed": func(t *testing.T, p *pair) { put(t, p.first, "three") },
		"missing": func(t *testing.T, p *pair) { remove(t, p.first) },
	} {
		t.Run(name, func(t *testing.T) {
			p := watchPair(t)
			spoil(t, p.pair)
			wantLog(t, p.poll(5), 0, "level=")
			wantLog(t, p.poll(60), 1, "cannot reload a setting; it is unchanged")
			if p.inUse != "" {
				t.Errorf("in use is %q", p.inUse)
			}
			put(t, p.first, "one")
			wantLog(t, p.poll(2), 1, "reloaded a setting")
			wantLog(t, p.poll(10), 0, "level=")
		})
	}
}

// A file that never stops changing is not waited for.
func TestFileThatKeepsChangingIsReloaded(t *testing.T) {
	p := watchPair(t)
	text, log := "", ""
	for range 12 {
		text += "x"
		put(t, p.first, text)
		put(t, p.second, text)
		log += p.poll(1)
	}
	wantLog(t, log, 2, "reloaded a setting")
}

func TestRenamedFileIsReloaded(t *testing.T) {
	p := watchPair(t)
	for _, name := range []string{p.first, p.second} {
		put(t, filepath.Join(p.dir, "new"), "three")
		rename(t, filepath.Join(p.dir, "new"), name)
	}
	wantLog(t, p.poll(2), 1, "reloaded a setting")
	if p.inUse != "three" {
		t.Errorf("in use is %q", p.inUse)
	}
}

// Kubernetes mounts files as links through a link to a directory, which it replaces.
func TestFilesInLinkedDirectoryAreReloaded(t *testing.T) {
	dir := t.TempDir()
	p := &pair{first: filepath.Join(dir, "first"), second: filepath.Join(dir, "second")}
	publish := func(text string) {
		t.Helper()
		version := filepath.Join(dir, ".."+text)
		if err := os.Mkdir(version, 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(version, "first"), text)
		put(t, filepath.Join(version, "second"), text)
		symlink(t, version, filepath.Join(dir, "..new"))
		rename(t, filepath.Join(dir, "..new"), filepath.Join(dir, "..data"))
	}
	publish("one")
	symlink(t, "..data/first", p.first)
	symlink(t, "..data/second", p.second)
	r := newReloader([]setting{{"pair", []string{p.first, p.second}, p.load}})
	r.log = slog.New(slog.DiscardHandler)
	now := time.Now()
	for _, text := range []string{"two", "six"} { // of the same size
		publish(text)
		for range 2 {
			now = now.Add(reloadPoll)
			r.poll(now)
		}
		if p.inUse != text {
			t.Errorf("in use is %q, want %q", p.inUse, text)
		}
	}
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Skip(err)
	}
}

func TestFileThatBecomesADirectoryIsAnError(t *testing.T) {
	p := watchPair(t)
	p.poll(3)
	if err := os.Remove(p.first); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(p.first, 0o700); err != nil {
		t.Fatal(err)
	}
	wantLog(t, p.poll(10), 1, "not a regular file")
	if err := os.Remove(p.first); err != nil {
		t.Fatal(err)
	}
	put(t, p.first, "two")
	put(t, p.second, "two")
	wantLog(t, p.poll(3), 1, "reloaded a setting")
}

// A file on a network file system may not respond.
func TestSettingWhoseFileDoesNotRespondBlocksNoOther(t *testing.T) {
	synctest.Test(t, testFileDoesNotRespond)
}

func testFileDoesNotRespond(t *testing.T) {
	dir := t.TempDir()
	slow, other := filepath.Join(dir, "slow"), filepath.Join(dir, "other")
	put(t, slow, "one")
	put(t, other, "one")
	respond, slowLoads, otherLoads := make(chan struct{}), 0, 0
	r := newReloader([]setting{
		{"slow", []string{slow}, func(*server.Server) error { <-respond; slowLoads++; return nil }},
		{"other", []string{other}, func(*server.Server) error { otherLoads++; return nil }},
	})
	var log bytes.Buffer
	r.log = slog.New(slog.NewTextHandler(&log, nil))
	taken := func() string {
		defer log.Reset()
		return log.String()
	}

	r.reload()
	text := taken()
	if otherLoads != 1 || strings.Count(text, "does not respond") != 1 || !strings.Contains(text, slow) || strings.Count(text, "reloaded a setting") != 1 {
		t.Errorf("%d loads of the other file, log %q", otherLoads, text)
	}
	put(t, other, "two and more")
	now := time.Now()
	for range 3 {
		now = now.Add(reloadPoll)
		r.poll(now)
	}
	if text := taken(); otherLoads != 2 || strings.Contains(text, "does not respond") {
		t.Errorf("%d loads of the other file, log %q", otherLoads, text)
	}
	r.reload()
	if text := taken(); otherLoads != 3 || strings.Count(text, "does not respond") != 1 {
		t.Errorf("%d loads of the other file, log %q", otherLoads, text)
	}

	close(respond)
	<-r.settings[0].reading
	put(t, slow, "two and more")
	for range 3 {
		now = now.Add(reloadPoll)
		r.poll(now)
	}
	if text := taken(); slowLoads != 2 || strings.Count(text, "reloaded a setting") != 2 {
		t.Errorf("%d loads of the slow file, log %q", slowLoads, text)
	}
}

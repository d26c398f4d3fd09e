package cli

import (
	"crypto/sha256"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/umadb-go/umadb/internal/settingfile"
)

// watchedSetting is a setting with the state of its files.
type watchedSetting struct {
	setting
	reading <-chan struct{} // closed when the goroutine that reads the files has ended; nil if there is none
	blocked bool            // it was logged that the files do not respond

	// The rest belongs to that goroutine.
	regular  bool          // the files were regular, or missing, at the start
	found    []fs.FileInfo // of the files at the previous poll
	loaded   digest        // content of the files when they were loaded
	pending  bool          // the files have changed, or could not be used
	changed  time.Time     // when the files changed for the first time since pending was set
	reported bool          // an error was logged, and the files have not been loaded since
}

// newWatchedSetting returns a setting without the names of files that are empty. Its first
// polls read the files again, because a change right after they are read here may leave
// their time of modification as it is.
func newWatchedSetting(s setting) *watchedSetting {
	s.files = slices.DeleteFunc(slices.Clone(s.files), func(name string) bool { return name == "" })
	return &watchedSetting{setting: s, regular: isWatchable(stat(s.files)), loaded: digestOf(s.files)}
}

// isDue reports whether the files are to be read again: they have changed, or could not be
// used, and are the same as at the previous poll. Files that change all the time, because they
// are being written, are read only after reloadPatience.
func (w *watchedSetting) isDue(now time.Time) bool {
	previous := w.found
	w.found = stat(w.files)
	if !isWatchable(w.found) {
		return false
	}
	same := slices.EqualFunc(previous, w.found, isSame)
	if !same && !w.pending {
		w.pending, w.changed = true, now
	}
	return w.pending && (same || now.Sub(w.changed) >= reloadPatience)
}

// stat returns what the files are; nil for a file that does not exist. Symbolic links are
// followed: Kubernetes replaces files by changing a link to their directory.
func stat(files []string) []fs.FileInfo {
	found := make([]fs.FileInfo, len(files))
	for i, name := range files {
		if info, err := os.Stat(name); err == nil {
			found[i] = info
		}
	}
	return found
}

// isWatchable reports whether reading the files neither blocks nor consumes their content, as
// it does with pipes.
func isWatchable(found []fs.FileInfo) bool {
	return !slices.ContainsFunc(found, func(info fs.FileInfo) bool { return info != nil && !info.Mode().IsRegular() })
}

// isSame reports whether a file is probably unchanged. Either may be nil.
func isSame(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && a.Mode() == b.Mode()
}

// digest is a hash of the content of files.
type digest [sha256.Size]byte

// digestOf returns the digest of files, or that of none if they are not watchable. Files that
// cannot be read count as empty.
func digestOf(files []string) digest {
	if !isWatchable(stat(files)) {
		return digest{}
	}
	all := sha256.New()
	for _, name := range files {
		content, _ := settingfile.Read(name)
		one := sha256.Sum256(content)
		all.Write(one[:])
	}
	return digest(all.Sum(nil))
}

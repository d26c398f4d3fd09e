// Package storedir defines the names in the directory of a store, and the locks on it. The
// engine and the code that copies stores by their files use both.
package storedir

import "strings"

const (
	// LockName is the name of the file that is locked while a store is open.
	LockName = "LOCK"
	// LogName is the name of the directory of the log.
	LogName = "log"
	// IndexName is the name of the directory of the index.
	IndexName = "index"
	// HeadName is the name of the file that announces the published head.
	HeadName = "HEAD"
	// SharedName is the name of the file that marks the directory of a store whose log is
	// shared.
	SharedName = "SHARED"
	// RestoringName is the name of the log until umadb restore has completed it. A directory
	// with this name and no log cannot be opened as a store.
	RestoringName = "restoring"
)

// IsForeign reports whether a name is none of those that a store has before its log, nor that
// of a file that file systems create. A new store must not be created beside other files.
func IsForeign(name string) bool {
	return name != LockName && name != SharedName && name != "lost+found" && !strings.HasPrefix(name, ".")
}

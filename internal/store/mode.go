package store

// mode is what a directory is opened for.
type mode int

const (
	// writing is for appends.
	writing mode = iota
	// following is for a standby, whose log is a copy that it continues.
	following
	// reading is for reads beside a process that may have the directory open. It takes no
	// lock and changes nothing.
	reading
	// checking is for Check, and for the source of a repair. It changes nothing.
	checking
	// repairing is for Repair, which changes only the log.
	repairing
)

// readsOnly reports whether nothing may be changed.
func (m mode) readsOnly() bool { return m == reading || m == checking }

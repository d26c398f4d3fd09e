package dcb

// SubscribeOptions configures a subscription. The zero value is valid.
type SubscribeOptions struct {
	// OnProgress is called while a caller ranges over the subscription, by its goroutine, with how far
	// the subscription is: after the last event of each batch that the store delivers, when the
	// subscription has caught up, and, while no event matches, every 5 seconds if there were others.
	// A server of another implementation does not report progress: then OnProgress is never called.
	OnProgress func(Progress)
}

// Progress is how far a subscription is.
type Progress struct {
	// Checked is the position up to which all matching events have been handled: the loop body has
	// returned from each of them. A program may store it and subscribe after it later, also if no
	// event has this position and matches. It never decreases.
	Checked uint64
	// Head is the position of the last event of the store at that moment, or 0 if there is none. It
	// never decreases.
	Head uint64
}

// CaughtUp reports whether all events of the store have been checked.
func (p Progress) CaughtUp() bool { return p.Checked >= p.Head }

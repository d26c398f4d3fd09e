// Package decide makes decisions on an event store. A decision reads the events that it
// depends on, folds them into a state, decides from the state, and appends its events on the
// condition that no event on which it depends was appended meanwhile. If there was one, it
// decides again.
//
//	position, err := decide.Run(ctx, store, query, (*course).apply, func(c *course) ([]dcb.Event, error) {
//		if c.taken >= c.places {
//			return nil, errFull
//		}
//		return []dcb.Event{joined}, nil
//	})
//
// # What is repeated
//
// If the append is in conflict with a newer event, Run pauses for a random time, reads the events
// after those that it has, continues to fold, and decides again. It appends at most
// Decision.Attempts times.
//
// Each event gets a random UUID if it has none. So an append whose response was lost is sent again
// if Query matches its first event: the store recognises events that it has, and does not append
// them twice. Otherwise the error is returned, which is a dcb.ErrTransport, and the outcome is unknown.
//
// Nothing else is repeated: neither a read that fails, nor a decision whose functions return an
// error. It is safe to call Run again after every error, except after an unknown outcome without a
// Key.
//
// # Errors
//
// The errors of Fold and Decide are returned unchanged, and nothing is appended. dcb.ErrIntegrity
// is returned if every attempt was in conflict. Every other error is that of the store.
package decide

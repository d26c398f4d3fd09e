package sharedlog

import "context"

// Limited is implemented by a Log whose engine keeps few records. Stores trim such a log. They
// keep all records of other logs.
type Limited interface {
	// Space returns the space of the engine.
	Space(ctx context.Context) (Space, error)
}

// Space is the space of an engine, which the log may share with others.
type Space struct {
	Used  int64 // bytes
	Limit int64 // bytes that Used cannot exceed; 0 if there is no limit
}

// Wrapper is implemented by a Log that changes what another one does.
type Wrapper interface{ Unwrap() Log }

// AsLimited returns a Log as a Limited, or the one that it wraps. It returns nil if none of them
// is limited.
func AsLimited(log Log) Limited {
	for {
		if limited, ok := log.(Limited); ok {
			return limited
		}
		wrapper, ok := log.(Wrapper)
		if !ok {
			return nil
		}
		log = wrapper.Unwrap()
	}
}

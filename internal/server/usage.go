package server

// Usage is what clients use of a server, and how much of it they may use.
type Usage struct {
	Connections, MaxConnections int
	MaxStreams                  int // calls in progress of one connection
	Appends                     int // in progress

	// The memory for calls in progress, for requests, for parsed queries and for messages that
	// clients have not read.
	Calls, Requests, Queries, Subscriptions, Responses MemoryUse

	Stopping bool // Shutdown was called
}

// MemoryUse is the use of a limited amount of memory in bytes.
type MemoryUse struct{ Used, Max int64 }

// Usage returns what clients use at the moment.
func (s *Server) Usage() Usage {
	u := Usage{
		Connections:    s.conns.count(),
		MaxConnections: s.options.MaxConnections,
		MaxStreams:     int(s.options.MaxStreams),
		Appends:        int(s.appending.Load()),
		Calls:          MemoryUse{Max: s.options.CallMemory},
		Requests:       s.requests.use(),
		Queries:        s.queries.use(),
		Subscriptions:  s.subscriptions.use(),
		Responses:      s.responses.use(),
		Stopping:       s.stopping.Err() != nil,
	}
	for class := range s.calls.used {
		u.Calls.Used += s.calls.used[class].Load()
	}
	return u
}

// use returns the use of a budget.
func (b *budget) use() MemoryUse {
	u := MemoryUse{Max: b.size()}
	for p := range b.pools {
		u.Used += b.pools[p].inUse()
	}
	return u
}

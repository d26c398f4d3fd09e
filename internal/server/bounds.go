package server

import (
	"math"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// The bounds of the memory that clients can make the server use, besides those in
// Options. MemoryBound returns their sum.
const (
	// connectionBytes is about what an open connection takes, with TLS: buffers,
	// goroutines, and the state of HTTP/2 and TLS.
	connectionBytes = 48 << 10
	// callBytes is about what a call takes: its stream, its goroutine, its request
	// up to maxSmallRequest, and its answer up to wire.SmallSlab. What its headers
	// take beyond a few is added: headerFieldBytes for each, and their text.
	callBytes        = 12 << 10
	headerFieldBytes = 48

	// fewCalls is how many calls a connection may have as long as the bound of calls is
	// not reached. One with more may have one lastShare'th of what is left, or what
	// shareOf returns.
	fewCalls  = 8
	lastShare = 32
	// anonymousCalls bounds the calls of a connection that has not authenticated
	// any, and anonymousShare those of all such connections: one of so many.
	anonymousCalls = 128
	anonymousShare = 4
	// briefReserve is the part of the bound of calls that only brief calls use: one of
	// so many.
	briefReserve = 4
	// maxUnreadRefusals is how many calls are refused on a connection whose client
	// does not read the refusals.
	maxUnreadRefusals = 256

	// connectionWatches and maxWatches bound the watches of the health: of one
	// connection, and of all.
	connectionWatches = 8
	maxWatches        = 1024

	// maxSmallRequest bounds the requests, in bytes, for which no memory is reserved:
	// callBytes includes it.
	maxSmallRequest = 4 << 10
	// smallRequest is the size in bytes up to which a request uses the part of the
	// budget that is for small ones only: one smallReserve'th.
	smallRequest = 64 << 10
	// smallQuery is the same for parsed queries.
	smallQuery = 16 << 10
	// freeQuery is the size of the parsed queries that callBytes includes.
	freeQuery    = 1 << 10
	smallReserve = 4

	// smallMessage is the size in bytes of the messages of reads and subscriptions while
	// there is no memory for larger ones. Each connection may always have one.
	smallMessage = 4 << 10

	// maxWaiting bounds the calls that wait for memory while the transport holds a part
	// of their request, at most streamWindow and some overhead.
	maxWaiting = 64
	// budgetWait is how long a call waits for memory before it is refused.
	budgetWait = time.Second

	// maxHeaderBytes bounds the headers of a call, uncompressed.
	maxHeaderBytes = 8 << 10
	// streamWindow is what a client may send of a request that is not received yet;
	// connWindow bounds what is on its way on one connection.
	streamWindow = 64 << 10
	connWindow   = 1 << 20
	// readBuffer is of each connection; writeBuffer of each that is being written to.
	readBuffer  = 8 << 10
	writeBuffer = 32 << 10
	// maxForeignRequest bounds the requests that we do not receive ourselves:
	// those of reflection.
	maxForeignRequest = 64 << 10

	// ordinaryMemory is the memory of a process for which the defaults in Options are.
	// With less or more memory they are in proportion, within these factors.
	ordinaryMemory = 1 << 30
	leastScale     = 1.0 / 4
	greatestScale  = 8.0
)

// maxRequest is the size in bytes from which a request is not even received.
// Between the limit and this, the answer names the limit.
func maxRequest(limits *dcb.Limits) int64 { return int64(limits.RequestBytes) + 64<<10 }

// maxQuery is about what the largest query that the limits allow takes once it is
// parsed.
func maxQuery(limits *dcb.Limits) int64 {
	return int64(limits.RequestBytes) + encoding.QueryCost(limits.QueryTerms, limits.QueryTerms)
}

// scaled returns a default, which is usual for ordinaryMemory, for a process with some
// memory. 0 and math.MaxInt64 mean that its memory is not limited.
func scaled(usual, memory int64) int64 {
	if memory <= 0 || memory == math.MaxInt64 {
		return usual
	}
	return int64(float64(usual) * min(max(float64(memory)/ordinaryMemory, leastScale), greatestScale))
}

// MemoryBound returns about the most memory, in bytes, that a server with these options
// uses for all clients together. The memory of its store is not included.
func MemoryBound(options Options, limits *dcb.Limits) int64 {
	o := options.withDefaults(limits)
	total := int64(o.MaxConnections)*(connectionBytes+callBytes+smallMessage) + o.CallMemory // each may have a call beside those
	total += maxWaiting * 2 * streamWindow
	for _, b := range o.budgets(limits) {
		total += b.size()
	}
	return total
}

// budgets returns new budgets with the sizes in the options.
func (o *Options) budgets(limits *dcb.Limits) [budgetKinds]*budget {
	return [budgetKinds]*budget{
		ofRequests:      newBudget(ofRequests, "requests", o.RequestMemory, smallRequest, maxRequest(limits)),
		ofQueries:       newBudget(ofQueries, "queries", o.QueryMemory, smallQuery, maxQuery(limits)),
		ofSubscriptions: newBudget(ofSubscriptions, "queries of subscriptions", o.QueryMemory, smallQuery, maxQuery(limits)),
		ofResponses:     newBudget(ofResponses, "messages that clients have not taken", o.ResponseMemory, 0, wire.LargeSlab),
	}
}

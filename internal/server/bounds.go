package server

import (
	"math"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/wire"
)

// The bounds of the memory that clients can make the server use, besides those in
// Options. MemoryBound returns their sum.
const (
	// connectionBytes is the approximate size of an open connection with TLS: buffers,
	// goroutines, and the state of HTTP/2 and TLS.
	connectionBytes = 48 << 10
	// callBytes is the approximate size of a call: its stream, its goroutine, its request
	// up to maxSmallRequest, its response up to wire.SmallSlab, and a few headers. For
	// each header field, headerFieldBytes and the size of its text are added.
	callBytes        = 12 << 10
	headerFieldBytes = 48

	// fewCalls is the number of calls that a connection may have while the limit of all
	// calls is not reached. A connection with more may use 1/lastShare of the memory that
	// is left, or what shareOf returns.
	fewCalls  = 8
	lastShare = 32
	// anonymousCalls is the maximum number of calls of a connection that has not
	// authenticated a call. All such connections together may use 1/anonymousShare of
	// the memory for calls.
	anonymousCalls = 128
	anonymousShare = 4
	// 1/briefReserve of the memory for calls is reserved for brief calls.
	briefReserve = 4

	// connectionWatches is the maximum number of health watches of one connection, and
	// maxWatches that of all connections.
	connectionWatches = 8
	maxWatches        = 1024

	// maxSmallRequest is the maximum size in bytes of a request for which no memory is
	// reserved, because callBytes includes it.
	maxSmallRequest = 4 << 10
	// smallRequest is the maximum size in bytes of a request that uses the part of the
	// budget for small requests, which is 1/smallReserve of it.
	smallRequest = 64 << 10
	// smallQuery is the same for parsed queries.
	smallQuery = 16 << 10
	// freeQuery is the maximum size in bytes of a parsed query that callBytes includes.
	freeQuery    = 1 << 10
	smallReserve = 4

	// smallMessage is the size in bytes of the messages of reads and subscriptions while
	// there is no memory for larger ones. Each connection may always have one.
	smallMessage = 4 << 10

	// maxWaiting is the maximum number of calls that wait for memory while the transport
	// holds a part of their request, at most streamWindow and some overhead.
	maxWaiting = 64
	// budgetWait is how long a call waits for memory before it is refused.
	budgetWait = time.Second

	// maxHeaderBytes is the maximum size in bytes of the headers of a call, uncompressed.
	maxHeaderBytes = 8 << 10
	// streamWindow is how many bytes of a request a client may send before they are
	// received; connWindow bounds the bytes in flight on one connection.
	streamWindow = 64 << 10
	connWindow   = 1 << 20
	// Each connection has a readBuffer, and a writeBuffer while it is written to.
	readBuffer  = 8 << 10
	writeBuffer = 32 << 10

	// ordinaryMemory is the process memory in bytes that the defaults in Options are for.
	// With less or more memory the defaults are scaled in proportion, within these factors.
	ordinaryMemory = 1 << 30
	leastScale     = 1.0 / 4
	greatestScale  = 8.0
)

// maxRequest returns the maximum size in bytes of a request that is received at all. A
// request between the limit and this size is rejected with an error that contains the
// limit.
func maxRequest(limits *dcb.Limits) int64 { return int64(limits.RequestBytes) + 64<<10 }

// maxQuery returns the approximate size in bytes of the largest parsed query that the
// limits allow.
func maxQuery(limits *dcb.Limits) int64 {
	return int64(limits.RequestBytes) + record.QueryCost(limits.QueryTerms, limits.QueryTerms)
}

// scaled returns the default for a process with the given memory, where usual is the
// default for ordinaryMemory. 0 and math.MaxInt64 mean that the memory is not limited.
func scaled(usual, memory int64) int64 {
	if memory <= 0 || memory == math.MaxInt64 {
		return usual
	}
	return int64(float64(usual) * min(max(float64(memory)/ordinaryMemory, leastScale), greatestScale))
}

// MemoryBound returns the approximate maximum memory in bytes that a server with these
// options uses for all clients together, without the memory of its store.
func MemoryBound(options Options, limits *dcb.Limits) int64 {
	o := options.withDefaults(limits)
	total := int64(o.MaxConnections)*(connectionBytes+callBytes+smallMessage) + o.CallMemory // each may have one call that CallMemory does not count
	total += maxWaiting * 2 * streamWindow
	total += maxRejections * rejectionBytes
	for _, b := range o.budgets(limits) {
		total += b.size()
	}
	return total
}

// budgets returns new budgets of the sizes in the options.
func (o *Options) budgets(limits *dcb.Limits) [budgetKinds]*budget {
	return [budgetKinds]*budget{
		ofRequests:      newBudget(ofRequests, "requests", o.RequestMemory, smallRequest, maxRequest(limits)),
		ofQueries:       newBudget(ofQueries, "queries", o.QueryMemory, smallQuery, maxQuery(limits)),
		ofSubscriptions: newBudget(ofSubscriptions, "queries of subscriptions", o.QueryMemory, smallQuery, maxQuery(limits)),
		ofResponses:     newBudget(ofResponses, "messages that clients have not read", o.ResponseMemory, 0, wire.LargeSlab),
	}
}

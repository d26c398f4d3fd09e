/* Types and functions shared by the extension and the Go library. The extension looks up
 * the exported functions (exports.go) by name when it loads the library. Neither is linked
 * with the other, so each has its own copy of the inline functions.
 *
 * How a caller waits for the next answer when the queue is empty (src/exchange.c):
 *
 *                           answer
 *        +----> STEP ------------------> taken
 *        |        | 20 ms, if bounded
 *        |        v             answer
 *   wait +----> SLEEP or NOTIFY -------> taken
 *        |        ^
 *        |        | 200 us
 *        +----> SPIN ------------------> taken
 *                           answer
 *
 * STEP: the caller's thread runs the request in Go. This is for a read, an append, and a
 *   head, tracking, position or health request of an embedded store; in an event loop, only for a
 *   read. A step is bounded in an event loop, and if the thread has a timeout or must check
 *   for signals. When the time is over, a goroutine takes over the exchange.
 * SPIN: the thread polls the queue while a goroutine works on the exchange. This is for a
 *   call or a read of a server whose last answer came within 200 us. An event loop never
 *   spins.
 * SLEEP: the thread waits on the condition variable while a goroutine works on the exchange.
 *   It wakes at its timeout, and the main thread also every 50 ms to check for signals.
 * NOTIFY: the call of an event loop returns. The library writes the ID of the exchange to
 *   the pipe of the notifier when it has put an answer, and the loop takes it. */
#ifndef UMADB_BINDING_H
#define UMADB_BINDING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

/* The kinds of answers. The errors are those of the table in docs/semantics.md. */
enum {
	UMADB_OK = 0,
	UMADB_END = 1,       /* end of a stream */
	UMADB_CANCELLED = 2, /* cancelled, or the connection was closed */
	UMADB_INTEGRITY = 3,
	UMADB_INVALID = 4,
	UMADB_AUTHENTICATION = 5,
	UMADB_CORRUPTION = 6,
	UMADB_IO = 7,
	UMADB_INTERNAL = 8,
	UMADB_SERIALIZATION = 9,
	UMADB_TRANSPORT = 10,
	UMADB_TIMEOUT = 11,   /* a transport error: the call has timed out */
};

/* The methods, with their requests and answers. */
enum {
	/* Calls, with one answer. */
	UMADB_APPEND = 1,       /* an AppendRequest; returns the position */
	UMADB_HEAD = 2,         /* empty; returns the position, if there is one */
	UMADB_TRACKING = 3,     /* the source; returns the position, if there is one */
	UMADB_CHECK_HEALTH = 4, /* the service; returns the status */
	UMADB_CLOSE = 5,        /* empty */
	UMADB_OPEN = 6,         /* URL, CA file, key, and files of the client certificate and its key, separated by NULs; returns the handle of a connection */
	UMADB_POSITION_AT = 7,  /* a time in Unix nanoseconds, in decimal digits; returns the position, if there is one */
	UMADB_COUNT = 8,        /* a CountRequest; returns the counts, each as eight bytes in native byte order */
	/* Streams, with any number of answers and then an error or UMADB_END. */
	UMADB_READ = 100,           /* a ReadRequest; returns ReadResponses */
	UMADB_SUBSCRIBE = 101,      /* a SubscribeRequest; returns SubscribeResponses, with progress if the server reports it */
	UMADB_WATCH_HEALTH = 102,   /* the service; returns HealthCheckResponses */
	UMADB_SUBSCRIBE_ONCE = 103, /* like UMADB_SUBSCRIBE, but without resuming */
	UMADB_TERMS = 104,          /* a TermsRequest; returns TermsResponses */
	UMADB_READ_LIVE = 105,      /* like UMADB_SUBSCRIBE, but without progress */
};

typedef struct {
	int32_t kind;      /* UMADB_OK, UMADB_END or an error */
	int32_t present;   /* whether number is set; with a transport error, whether nothing was appended */
	uint64_t number;   /* the answer; with an integrity error, the conflicting position */
	char *bytes;       /* a message, or the text of an error; must be freed */
	int64_t length;    /* of bytes */
} umadb_answer;

/* How many answers are queued before the library stops to fetch more. The queue has one
 * more slot, for the answer that ends the exchange. */
enum { UMADB_PREFETCH = 2, UMADB_CAPACITY = UMADB_PREFETCH + 1 };

/* A request and the queue of its answers. The library puts answers from its own threads,
 * and the extension takes them. Both hold a reference. Fields that name no guard are set
 * before the exchange is shared. */
typedef struct {
	uint64_t id;           /* never reused */
	uint64_t connection;   /* a handle; 0 to open one */
	int32_t method;
	char *request;         /* freed with the exchange */
	int64_t length;        /* of the request */
	int64_t timeout;       /* of the whole exchange, in ns; 0 for no limit */
	_Atomic int32_t references;
	char started;          /* the library has the exchange; guarded by the GIL, or owned by the thread of a blocking call */

	pthread_mutex_t lock;
	pthread_cond_t arrived; /* signalled when an answer has been put */
	_Atomic int32_t count;  /* of answers; written under lock, read without */
	/* Guarded by lock: */
	umadb_answer answers[UMADB_CAPACITY];
	int32_t head;          /* index in answers of the next to take */
	uint64_t notifier;     /* notified of the next answer; 0 for none */
	char ended;            /* the last answer has been put */
	char dropped;          /* no further answer is wanted */
} umadb_exchange;

/* Results of umadb_put. */
enum { UMADB_CONTINUE = 0, UMADB_FULL = 1, UMADB_DROPPED = 2 };

/* Adds an answer to the queue and wakes the waiting thread. Sets notifier to the one that
 * must be notified too. If the exchange was dropped, the caller keeps the answer. */
static inline int32_t umadb_put(umadb_exchange *x, const umadb_answer *answer, int32_t last, uint64_t *notifier)
{
	pthread_mutex_lock(&x->lock);
	x->ended = last != 0;
	if (x->dropped) {
		pthread_mutex_unlock(&x->lock);
		return UMADB_DROPPED;
	}
	x->answers[(x->head + x->count) % UMADB_CAPACITY] = *answer;
	int32_t full = ++x->count >= UMADB_PREFETCH;
	*notifier = x->notifier;
	x->notifier = 0;
	pthread_mutex_unlock(&x->lock);
	pthread_cond_signal(&x->arrived);
	return full ? UMADB_FULL : UMADB_CONTINUE;
}

static inline void umadb_retain(umadb_exchange *x) { x->references++; }

static inline void umadb_release(umadb_exchange *x)
{
	if (--x->references > 0)
		return;
	pthread_cond_destroy(&x->arrived);
	pthread_mutex_destroy(&x->lock);
	free(x->request);
	free(x);
}

/* Commands that the extension sends to the library through the control pipe. */
enum {
	UMADB_START = 1,      /* answer an exchange (its address); transfers a reference */
	UMADB_RESUME = 2,     /* an exchange (its ID) whose queue was full has space again */
	UMADB_CANCEL = 3,     /* end an exchange (its ID) with UMADB_CANCELLED */
	UMADB_DROP = 4,       /* end an exchange (its ID) whose answers are not wanted */
	UMADB_CANCEL_ALL = 5, /* end all streams up to an exchange (its ID) with UMADB_CANCELLED */
};

typedef struct {
	uint64_t command;
	uint64_t argument;
} umadb_control;

/* Returns the exchange that the argument of UMADB_START points to. */
static inline umadb_exchange *umadb_address(uint64_t argument) { return (umadb_exchange *)(uintptr_t)argument; }

#endif

/* What the extension and the Go library share. The extension finds the functions,
 * which are in exports.go, by their names when it loads the library; neither is linked
 * with the other, so what is inline here, each has a copy of. */
#ifndef UMADB_BINDING_H
#define UMADB_BINDING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

/* What became of a call. The errors are those of the table in docs/semantics.md. */
enum {
	UMADB_OK = 0,
	UMADB_END = 1,       /* of a stream */
	UMADB_CANCELLED = 2, /* or closed */
	UMADB_INTEGRITY = 3,
	UMADB_INVALID = 4,
	UMADB_AUTHENTICATION = 5,
	UMADB_CORRUPTION = 6,
	UMADB_IO = 7,
	UMADB_INTERNAL = 8,
	UMADB_SERIALIZATION = 9,
	UMADB_TRANSPORT = 10,
	UMADB_TIMEOUT = 11,   /* a transport error: the time given for the call is over */
};

/* What can be asked. */
enum {
	/* With one answer. */
	UMADB_APPEND = 1,       /* an AppendRequest; gives the position */
	UMADB_HEAD = 2,         /* nothing; gives the position, if there is one */
	UMADB_TRACKING = 3,     /* the source; gives the position, if there is one */
	UMADB_CHECK_HEALTH = 4, /* the service; gives the status */
	UMADB_CLOSE = 5,        /* nothing */
	UMADB_OPEN = 6,         /* URL, CA file, key and batch size, with NULs between; gives the handle of a connection */
	/* With many answers, and then an error or UMADB_END. */
	UMADB_READ = 7,         /* a ReadRequest; gives ReadResponses */
	UMADB_SUBSCRIBE = 8,    /* a SubscribeRequest; gives SubscribeResponses */
	UMADB_WATCH_HEALTH = 9, /* the service; gives HealthCheckResponses */
	UMADB_SUBSCRIBE_ONCE = 10, /* as UMADB_SUBSCRIBE, but without resuming */
};

/* An answer. */
typedef struct {
	int32_t kind;      /* UMADB_OK or why not */
	int32_t present;   /* whether number means anything; with a transport error, whether nothing was appended */
	uint64_t number;   /* the answer; with an integrity error, the conflicting position */
	char *bytes;       /* a message, or the text of an error; for free() */
	int64_t length;    /* of bytes */
} umadb_answer;

/* How many answers are fetched before they are taken. There is a place more, for how
 * the exchange ended. */
enum { UMADB_AHEAD = 2, UMADB_CAPACITY = UMADB_AHEAD + 1 };

/* A request and the queue of its answers, which the library puts in on its own threads
 * and the extension takes out. Both have a reference; what names no guard is set before
 * it is shared. */
typedef struct {
	uint64_t id;           /* never used again */
	uint64_t connection;   /* a handle; 0 to open one */
	int32_t method;
	char *request;         /* freed with the exchange */
	int64_t length;        /* of the request */
	int64_t timeout;       /* how long all of it may take, in ns; 0 without a limit */
	_Atomic int32_t references;
	char asked;            /* the library knows of it; guarded by the GIL, of a call that blocks its thread's */

	pthread_mutex_t lock;
	pthread_cond_t arrived; /* an answer has */
	_Atomic int32_t count;  /* of answers; changed under lock, and looked at without */
	/* Guarded by lock: */
	umadb_answer answers[UMADB_CAPACITY];
	int32_t head;          /* of answers, the next to take */
	uint64_t notifier;     /* to be told of the next answer; 0 for nobody */
	char ended;            /* the last answer has been put */
	char dropped;          /* no answer is wanted any more */
} umadb_exchange;

/* What became of an answer that was put. */
enum { UMADB_GOES_ON = 0, UMADB_IS_FULL = 1, UMADB_IS_UNWANTED = 2 };

/* Puts an answer, and wakes who waits for it. notifier is who else is to be told. An
 * answer that is unwanted stays the caller's. */
static inline int32_t umadb_put(umadb_exchange *x, const umadb_answer *answer, int32_t last, uint64_t *notifier)
{
	pthread_mutex_lock(&x->lock);
	x->ended = last != 0;
	if (x->dropped) {
		pthread_mutex_unlock(&x->lock);
		return UMADB_IS_UNWANTED;
	}
	x->answers[(x->head + x->count) % UMADB_CAPACITY] = *answer;
	int32_t full = ++x->count >= UMADB_AHEAD;
	*notifier = x->notifier;
	x->notifier = 0;
	pthread_mutex_unlock(&x->lock);
	pthread_cond_signal(&x->arrived);
	return full ? UMADB_IS_FULL : UMADB_GOES_ON;
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

/* What the extension tells the library by the control pipe. */
enum {
	UMADB_START = 1,      /* answer an exchange (its address), with the reference that comes with this */
	UMADB_ROOM = 2,       /* an exchange (its ID) that was full has room again */
	UMADB_CANCEL = 3,     /* end an exchange (its ID) with UMADB_CANCELLED */
	UMADB_DROP = 4,       /* likewise, and nobody wants to know */
	UMADB_CANCEL_ALL = 5, /* end all with many answers, up to an exchange (its ID) */
};

typedef struct {
	uint64_t verb;
	uint64_t what;
} umadb_control;

/* The exchange to start. */
static inline umadb_exchange *umadb_address(uint64_t what) { return (umadb_exchange *)(uintptr_t)what; }

#endif

/* Where an answer waits for whoever asked. The library puts answers in on its own
 * threads, and a thread of Python's sleeps here: it never waits inside Go, where it
 * would keep a processor of Go's from those who work on its answer. */
#ifndef UMADB_EXCHANGE_H
#define UMADB_EXCHANGE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "binding.h"

/* How many answers are fetched before they are taken. There is a place more, for how
 * the exchange ended. */
enum { UMADB_AHEAD = 2, UMADB_PLACES = UMADB_AHEAD + 1 };

/* A request and the answers to it. Both sides hold it, and who lets go last frees it.
 * What names no guard is set before it is shared. */
typedef struct {
	uint64_t number;      /* of the exchange; never used again */
	uint64_t connection;  /* a handle; 0 to open one */
	int32_t method;
	uint32_t batch;       /* events of a message, to open a connection with; 0 for the server's choice */
	char *request;        /* freed with the exchange */
	int64_t length;       /* of the request */
	char started;         /* the library works on it by itself; the extension's own */
	char stepped;         /* the library was asked for each answer; the extension's own */

	_Atomic int32_t holders;
	_Atomic int32_t count; /* of answers; changed under lock, looked at by who spins */
	pthread_mutex_t lock;
	pthread_cond_t come;   /* an answer has */
	/* Guarded by lock: */
	umadb_result answers[UMADB_PLACES];
	uint64_t notifier;     /* to be told of the next answer; 0 for nobody */
	char first;            /* of answers, the next to take */
	char asleep;           /* somebody waits for come */
	char full;             /* the library waits for UMADB_ROOM */
	char ended;            /* the last answer has been put */
	char dropped;          /* no answer is wanted any more */
} umadb_exchange;

/* The exchange that an order names. */
static inline umadb_exchange *umadb_address(uint64_t what) { return (umadb_exchange *)(uintptr_t)what; }

/* What became of an answer that was put. */
enum { UMADB_GOES_ON = 0, UMADB_IS_FULL = 1, UMADB_IS_UNWANTED = 2 };

/* Puts an answer, and wakes who waits for it. notifier is who else is to be told. One
 * that is not wanted is still the caller's. */
static inline int32_t umadb_put(umadb_exchange *x, const umadb_result *answer, int32_t last, uint64_t *notifier)
{
	pthread_mutex_lock(&x->lock);
	x->ended = last != 0;
	if (x->dropped) {
		pthread_mutex_unlock(&x->lock);
		return UMADB_IS_UNWANTED;
	}
	x->answers[(x->first + x->count) % UMADB_PLACES] = *answer;
	x->count++;
	x->full = x->count >= UMADB_AHEAD;
	int32_t full = x->full;
	char asleep = x->asleep;
	x->asleep = 0;
	*notifier = x->notifier;
	x->notifier = 0;
	pthread_mutex_unlock(&x->lock);
	if (asleep)
		pthread_cond_signal(&x->come);
	return full ? UMADB_IS_FULL : UMADB_GOES_ON;
}

static inline void umadb_hold(umadb_exchange *x) { x->holders++; }

static inline void umadb_let_go(umadb_exchange *x)
{
	if (--x->holders > 0)
		return;
	pthread_cond_destroy(&x->come);
	pthread_mutex_destroy(&x->lock);
	free(x->request);
	free(x);
}

#endif

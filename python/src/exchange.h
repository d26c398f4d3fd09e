/* exchange.c: sending requests to the Go library and waiting for the answers. binding.h
 * has a diagram of the waits. The caller must hold the GIL and, except for exchange_new,
 * must be in the process that loaded the library. */
#ifndef UMADB_EXCHANGE_H
#define UMADB_EXCHANGE_H

#include "native.h"

/* Returns a new exchange. It takes ownership of the request, which malloc allocated.
 * timeout, in ns, bounds the whole exchange; 0 is no limit. Returns NULL with an exception
 * on an error, as in a forked child. */
umadb_exchange *exchange_new(Connection *c, int32_t method, void *request, Py_ssize_t size, int64_t timeout);
/* Starts an exchange on a goroutine of the library. The notifier, unless it is 0, is
 * notified of the first answer. exchange_await and exchange_arm start an exchange
 * themselves. */
void exchange_start(umadb_exchange *x, uint64_t notifier);
/* Takes an answer from the queue and reports whether there was one. The caller must then
 * free its bytes. */
int exchange_take(umadb_exchange *x, umadb_answer *answer);
/* Returns the time until which to wait for a timeout, in ns; 0 is no timeout. */
int64_t exchange_deadline(int64_t timeout);
/* Waits for the next answer without the GIL, until a time as from exchange_deadline. Returns
 * 0, or -1 with an exception if a signal handler raised one or there was no answer in time. */
int exchange_await(Connection *c, umadb_exchange *x, int64_t latest, umadb_answer *answer);
/* Takes the next answer and reports whether there was one. If not, the notifier will be
 * notified of it. The notifier may also have been notified of an answer that was taken. */
int exchange_arm(Connection *c, umadb_exchange *x, uint64_t notifier, umadb_answer *answer);
/* Cancels an exchange: its last answer is UMADB_CANCELLED. */
void exchange_cancel(umadb_exchange *x);
/* Cancels every stream of the process. */
void exchange_cancel_all(void);
/* Abandons an exchange and releases the reference of the extension. */
void exchange_drop(umadb_exchange *x);

#endif

/* exchange.c: asking the Go library, and waiting for what it answers. All of it is
 * called with the GIL and, but for exchange_new, only in the process that loaded the
 * library. */
#ifndef UMADB_EXCHANGE_H
#define UMADB_EXCHANGE_H

#include "native.h"

/* Makes an exchange; it takes over the request, which malloc made. timeout bounds all of
 * it, unless it is 0. NULL with an exception, as in a forked child. */
umadb_exchange *exchange_new(Connection *c, int32_t method, void *request, Py_ssize_t size, int64_t timeout);
/* Has the library work on an exchange; the notifier, if it is not 0, tells of the
 * first answer. The others below start it themselves. */
void exchange_start(umadb_exchange *x, uint64_t notifier);
/* Takes an answer that is there, and tells whether there was one. Its bytes are the
 * caller's then. */
int exchange_take(umadb_exchange *x, umadb_answer *answer);
/* Waits for the next answer, while other threads run: 0, or -1 with an exception if
 * a signal handler raised one, or if none came within the timeout. A timeout of 0 is none. */
int exchange_await(Connection *c, umadb_exchange *x, int64_t timeout, umadb_answer *answer);
/* Takes the next answer if it is there, and tells whether it was; if not, the notifier
 * tells of it. It may have told of one that was taken. */
int exchange_arm(Connection *c, umadb_exchange *x, uint64_t notifier, umadb_answer *answer);
/* Ends an exchange with UMADB_CANCELLED. */
void exchange_cancel(umadb_exchange *x);
/* Likewise, every stream of the process. */
void exchange_cancel_all(void);
/* Gives an exchange up, and frees it once the library has released it too. */
void exchange_drop(umadb_exchange *x);

#endif

/* exchange.c: asking the Go library, and waiting for what it answers. Nothing here
 * needs the GIL, unless it says so. */
#ifndef UMADB_SRC_EXCHANGE_H
#define UMADB_SRC_EXCHANGE_H

#include "native.h"

/* Makes an exchange; it takes over the request, which malloc made. NULL with an
 * exception. Needs the GIL. */
umadb_exchange *exchange_new(Connection *c, int32_t method, void *request, Py_ssize_t size);
/* Starts an exchange; the notifier, if it is not 0, tells of the first answer. */
void exchange_start(umadb_exchange *x, uint64_t notifier);
/* Takes an answer that is there, and tells whether there was one. */
int exchange_take(umadb_exchange *x, umadb_result *answer);
/* Waits for the next answer, while other threads run: 0, or -1 with an exception if
 * a signal handler raised one. Needs the GIL. */
int exchange_await(Connection *c, umadb_exchange *x, umadb_result *answer);
/* Asks for the next answer, of which the notifier tells. Tells whether it is there
 * already: then the notifier does not tell. */
int exchange_arm(Connection *c, umadb_exchange *x, uint64_t notifier, umadb_result *answer);
/* Ends an exchange with UMADB_CANCELLED. */
void exchange_cancel(umadb_exchange *x);
/* Likewise, every stream of the process. */
void exchange_cancel_all(void);
/* Gives an exchange up, and frees it when the library has let go too. */
void exchange_drop(umadb_exchange *x);

#endif

/* stream.c: an open stream, and waiting for its messages. */
#ifndef UMADB_STREAM_H
#define UMADB_STREAM_H

#include "exchange.h"
#include "wire.h"

typedef struct {
	PyObject_HEAD
	Connection *connection; /* kept open */
	umadb_exchange *exchange;
	umadb_answer message; /* the one being taken apart; its bytes are ours */
	reader rest;          /* of message */
	uint64_t head;        /* of message */
	char has_head;
	char begun;           /* a message has come */
	char ended;           /* no more will */
	char failed;          /* message tells how it ended */
	char cancelled;
	char busy;            /* a thread waits for a message */
	char follows;         /* it waits for events to come: there is no head */
	char uuid_object;
	int64_t left;         /* events to give; negative without a limit */
	int64_t timeout;      /* of each wait, in ns; 0 without a limit */
	uint64_t epoch;       /* of cancel_all when the stream was made */
} Stream;

/* Tells whether the stream was cancelled, or its client closed. */
int stream_is_cancelled(Stream *s);
/* Raises the exception of a stream that is cancelled, or another process's; 0 if
 * it is neither. */
int stream_check(Stream *s);
/* What came of asking for a message. */
enum { FAILED = -1, ENDED = 0, MESSAGE = 1, PENDING = 2 };
/* Waits for the next message, while other threads run, no longer than timeout unless that
 * is 0. With a notifier it does not wait: if the message is PENDING, the notifier tells once. */
int stream_fetch(Stream *s, int64_t timeout, uint64_t notifier);
/* Stops a stream that has given all that was asked for. */
void stream_finish(Stream *s);
/* Ends a stream for whoever waits for it or asks it later. */
void stream_cancel(Stream *s);
void stream_dealloc(Stream *s);

#endif

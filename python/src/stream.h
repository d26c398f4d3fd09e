/* stream.c: streams of messages. */
#ifndef UMADB_STREAM_H
#define UMADB_STREAM_H

#include "exchange.h"
#include "wire.h"

typedef struct {
	PyObject_HEAD
	Connection *connection; /* referenced, so that it stays open */
	umadb_exchange *exchange;
	umadb_answer message; /* the current message, whose bytes the stream owns */
	reader unread;        /* the part of message that was not decoded yet */
	summary response;     /* of message; its times are those of the events in unread */
	uint64_t checked;     /* the progress of the messages before, if progress_known */
	uint64_t last;
	char progress_known;
	char announced;       /* it was reported that the subscription has caught up */
	PyObject *on_progress, *on_caught_up; /* callables, or NULL */
	char received;        /* a message has been received */
	char ended;           /* no more messages will be received */
	char failed;          /* the stream ended with an error, which is in message */
	char cancelled;
	char busy;            /* a thread is waiting for a message */
	char live;            /* the stream waits for new events: it has no head */
	char uuid_object;
	int64_t remaining;    /* events to return; negative for no limit */
	int64_t timeout;      /* of each wait, in ns; 0 for no limit */
	uint64_t epoch;       /* number of calls of cancel_all when the stream was created */
} Stream;

/* Reports whether the stream was cancelled or its client closed. */
int stream_is_cancelled(Stream *s);
/* Returns 0, or -1 with an exception if the stream is cancelled or this is a forked child. */
int stream_check(Stream *s);
/* Results of stream_fetch. */
enum { FAILED = -1, ENDED = 0, MESSAGE = 1, PENDING = 2 };
/* Waits for the next message without the GIL, until a time as from exchange_deadline. With a
 * notifier it does not wait: if the message is PENDING, the notifier is notified once. */
int stream_fetch(Stream *s, int64_t latest, uint64_t notifier);
/* Ends a stream that has returned all requested events. */
void stream_finish(Stream *s);
/* Cancels a stream: waiting and later calls raise CancelledByUserError. */
void stream_cancel(Stream *s);
/* Functions of the types for the garbage collector: the callables may refer to the stream. */
int stream_traverse(Stream *s, visitproc visit, void *arg);
int stream_clear(Stream *s);
void stream_dealloc(Stream *s);

/* progress.c: how far a subscription is. It moves when all events of a message have been used. */

/* What there is to report. */
enum { NOTHING = 0, MOVED = 1, CAUGHT_UP = 2 };
/* Returns the next report about the messages whose events have been used. Each is returned once. */
int stream_next_report(Stream *s);
/* Makes all reports, by calling the functions of the stream. Returns whether a function was
 * called, or -1 with its exception. */
int stream_report(Stream *s);
/* Returns how far the subscription is, as an object; None if that is not known. */
PyObject *stream_progress(Stream *s);

#endif

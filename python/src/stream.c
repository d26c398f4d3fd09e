/* Streams of messages from the Go library. */

#include "stream.h"

/* Number of calls of cancel_all. */
static uint64_t epoch;

PyObject *stream_new(PyTypeObject *type, Connection *c, int32_t method, void *request, Py_ssize_t size, int64_t limit, int64_t timeout)
{
	umadb_exchange *x = exchange_new(c, method, request, size, method == UMADB_READ ? timeout : 0);
	Stream *s = x ? PyObject_GC_New(Stream, type) : NULL;
	if (s == NULL) {
		if (x != NULL)
			exchange_drop(x);
		return NULL;
	}
	memset((char *)s + sizeof(PyObject), 0, sizeof *s - sizeof(PyObject));
	s->connection = (Connection *)Py_NewRef((PyObject *)c);
	s->exchange = x;
	s->remaining = limit;
	s->live = method != UMADB_READ;
	s->timeout = s->live ? timeout : 0;
	s->uuid_object = c->uuid_object;
	s->epoch = epoch;
	PyObject_GC_Track(s);
	return (PyObject *)s;
}

/* Frees the current message. */
static void drop_message(Stream *s)
{
	free(s->message.bytes);
	s->message.bytes = NULL;
	s->message.length = 0;
	s->unread = s->response.times = (reader){NULL, NULL};
	s->response.has_progress = 0;
}

int stream_is_cancelled(Stream *s) { return s->cancelled || s->epoch != epoch || s->connection->closed; }

int stream_check(Stream *s)
{
	if (golib_check() < 0)
		return -1;
	if (!stream_is_cancelled(s))
		return 0;
	s->cancelled = 1;
	drop_message(s);
	PyErr_SetString(CancelledByUserError, "cancelled");
	return -1;
}

/* Raises the error that ended the stream. It is a new exception each time: a stored one
 * would keep the stream alive through its traceback. */
static int raise_failure(Stream *s)
{
	raise_error(&s->message);
	return FAILED;
}

void stream_finish(Stream *s)
{
	s->ended = 1;
	drop_message(s);
	if (golib_usable())
		exchange_cancel(s->exchange);
}

/* Ends a stream whose message is invalid. Later messages would leave a gap. */
static int reject_message(Stream *s)
{
	static const char text[] = "transport error: the server's answer cannot be read";
	stream_finish(s);
	s->failed = 1;
	s->message.kind = UMADB_TRANSPORT;
	s->message.bytes = malloc(sizeof text);
	if (s->message.bytes != NULL) {
		memcpy(s->message.bytes, text, sizeof text);
		s->message.length = sizeof text - 1;
	}
	return raise_failure(s);
}

/* Validates the whole message: its events are decoded only when they are used. */
static int check_message(Stream *s)
{
	reader r = {(uint8_t *)s->message.bytes, (uint8_t *)s->message.bytes + s->message.length};
	s->unread = r;
	s->received = 1;
	if (s->exchange->method == UMADB_WATCH_HEALTH || s->exchange->method == UMADB_TERMS)
		return MESSAGE; /* decoded in Python */
	return check_response(r, &s->response) ? MESSAGE : reject_message(s);
}

/* Handles the answer that was fetched. */
static int accept_answer(Stream *s)
{
	if (stream_check(s) < 0)
		return FAILED;
	if (s->message.kind == UMADB_OK)
		return check_message(s);
	s->ended = 1;
	if (s->message.kind == UMADB_END) {
		drop_message(s);
		return ENDED;
	}
	s->failed = 1;
	return raise_failure(s);
}

int stream_fetch(Stream *s, int64_t latest, uint64_t notifier)
{
	if (s->failed)
		return raise_failure(s);
	if (s->ended)
		return ENDED;
	if (s->busy) {
		PyErr_SetString(PyExc_RuntimeError, "another thread is waiting for the same response: a response is for one thread at a time");
		return FAILED;
	}
	/* Check again: allocations since the caller's check may have run a finalizer that
	 * cancels. From here until the exchange has started, no Python code runs. */
	if (stream_check(s) < 0)
		return FAILED;
	drop_message(s);
	umadb_answer message; /* not the stream's, which other threads may touch */
	int pending;
	s->busy = 1;
	if (notifier)
		pending = !exchange_arm(s->connection, s->exchange, notifier, &message);
	else
		pending = exchange_await(s->connection, s->exchange, latest, &message) < 0;
	s->busy = 0;
	if (pending)
		return notifier ? PENDING : FAILED;
	s->message = message;
	return accept_answer(s);
}

void stream_cancel(Stream *s)
{
	s->cancelled = 1;
	if (!s->busy)
		drop_message(s);
	if (golib_usable())
		exchange_cancel(s->exchange);
}

int stream_traverse(Stream *s, visitproc visit, void *arg)
{
	Py_VISIT(Py_TYPE(s));
	Py_VISIT(s->on_progress);
	Py_VISIT(s->on_caught_up);
	return 0;
}

int stream_clear(Stream *s)
{
	Py_CLEAR(s->on_progress);
	Py_CLEAR(s->on_caught_up);
	return 0;
}

void stream_dealloc(Stream *s)
{
	PyTypeObject *type = Py_TYPE(s);
	PyObject_GC_UnTrack(s);
	drop_message(s);
	stream_clear(s);
	if (golib_usable())
		exchange_drop(s->exchange);
	Py_DECREF((PyObject *)s->connection);
	PyObject_GC_Del(s);
	Py_DECREF(type);
}

PyObject *cancel_all(PyObject *module, PyObject *none)
{
	(void)module;
	(void)none;
	epoch++;
	if (golib_usable())
		exchange_cancel_all();
	Py_RETURN_NONE;
}

/* Streams: messages from the Go library, taken apart event by event. */

#include "native.h"
#include "wire.h"

enum {
	RESPONSE_EVENTS = 1,
	RESPONSE_HEAD = 2,
};

PyTypeObject *ReadResponse_Type, *Subscription_Type;

typedef struct {
	PyObject_HEAD
	PyObject *connection; /* kept open */
	uintptr_t handle;
	umadb_result message; /* the one being taken apart; its bytes are ours */
	reader rest;          /* of message */
	uint64_t head;        /* of message */
	char has_head;
	char begun;           /* a message has come */
	char ended;           /* no more will */
	char cancelled;
	char busy;            /* a thread waits for a message */
	char follows;         /* it waits for events to come: there is no head */
	char uuid_object;
	int64_t left;         /* events to give; negative without a limit */
	uint64_t epoch;       /* of cancel_all when the stream was made */
	char failed;          /* message tells how it ended */
} Stream;

/* How often cancel_all has been called. */
static uint64_t epoch;

PyObject *stream_new(PyTypeObject *type, PyObject *connection, uintptr_t handle, int64_t limit, char follows)
{
	Stream *s = PyObject_New(Stream, type);
	if (s == NULL) {
		go.free(handle);
		return NULL;
	}
	memset((char *)s + sizeof(PyObject), 0, sizeof *s - sizeof(PyObject));
	s->connection = Py_NewRef(connection);
	s->handle = handle;
	s->left = limit;
	s->follows = follows;
	s->uuid_object = ((Connection *)connection)->uuid_object;
	s->epoch = epoch;
	return (PyObject *)s;
}

/* Gives up the message that was taken apart. */
static void drop_message(Stream *s)
{
	free(s->message.bytes);
	s->message.bytes = NULL;
	s->message.length = 0;
	s->rest.at = s->rest.end = NULL;
}

static int is_cancelled(Stream *s) { return s->cancelled || s->epoch != epoch || ((Connection *)s->connection)->closed; }

/* Raises the exception of a stream that is cancelled, or another process's; 0 if
 * it is neither. */
static int check_cancelled(Stream *s)
{
	if (golib_check() < 0)
		return -1;
	if (!is_cancelled(s))
		return 0;
	s->cancelled = 1;
	drop_message(s);
	PyErr_SetString(CancelledByUserError, "cancelled");
	return -1;
}

static int unreadable(void)
{
	PyErr_SetString(TransportError, "transport error: the server's answer cannot be read");
	return -1;
}

/* Looks through a message once: that it is one, and for the head. */
static int look_through(Stream *s)
{
	field f;
	int more;
	reader r = {(uint8_t *)s->message.bytes, (uint8_t *)s->message.bytes + s->message.length};
	s->rest = r;
	s->has_head = 0;
	while ((more = next_field(&r, &f)) > 0) {
		if (f.number == RESPONSE_HEAD && f.type == 0) {
			s->head = f.varint;
			s->has_head = 1;
		}
	}
	return more;
}

/* What came of waiting for a message. */
enum { FAILED = -1, ENDED = 0, MESSAGE = 1, PENDING = 2 };

/* Raises how a stream ended: each time a new exception, for one that was kept would
 * keep the stream, by way of its traceback. */
static int fail(Stream *s)
{
	raise_kept(&s->message);
	return FAILED;
}

/* Takes what next gave. */
static int accept(Stream *s)
{
	if (check_cancelled(s) < 0)
		return FAILED;
	if (s->message.kind == UMADB_OK) {
		s->begun = 1;
		return look_through(s) < 0 ? unreadable() : MESSAGE;
	}
	s->ended = 1;
	if (s->message.kind == UMADB_END) {
		drop_message(s);
		return ENDED;
	}
	s->failed = 1;
	return fail(s);
}

/* Waits for the next message, while other threads run. */
static int fetch(Stream *s)
{
	if (s->failed)
		return fail(s);
	if (s->ended)
		return ENDED;
	if (s->busy) {
		PyErr_SetString(PyExc_RuntimeError, "another thread is waiting for the same response: a response is for one thread at a time");
		return FAILED;
	}
	drop_message(s);
	umadb_result message; /* not the stream's, which other threads may touch */
	int32_t pending, wait = golib_patience();
	s->busy = 1;
	do {
		Py_BEGIN_ALLOW_THREADS
		pending = go.next(s->handle, wait, 0, &message);
		Py_END_ALLOW_THREADS
	} while (pending && PyErr_CheckSignals() == 0);
	s->busy = 0;
	if (pending)
		return FAILED;
	s->message = message;
	return accept(s);
}

/* Stops a stream that has given all that was asked for. */
static void finish(Stream *s)
{
	s->ended = 1;
	drop_message(s);
	if (golib_alive())
		go.cancel(s->handle);
}

/* Gives the next event of the message, or NULL: an exception, or none left. */
static PyObject *next_of_message(Stream *s)
{
	field f;
	if (s->left == 0) {
		if (!s->ended)
			finish(s);
		return NULL;
	}
	while (next_field(&s->rest, &f) > 0) {
		if (f.number == RESPONSE_EVENTS && f.type == 2) {
			if (s->left > 0)
				s->left--;
			return sequenced_new(f.bytes, f.size, s->uuid_object);
		}
	}
	return NULL;
}

static PyObject *Stream_iternext(Stream *s)
{
	if (check_cancelled(s) < 0)
		return NULL;
	for (;;) {
		PyObject *event = next_of_message(s);
		if (event != NULL || PyErr_Occurred() || fetch(s) <= 0)
			return event;
	}
}

/* Gives the events left of the message as a list. */
static PyObject *rest_of_message(Stream *s)
{
	PyObject *event, *list = PyList_New(0);
	while (list != NULL && (event = next_of_message(s)) != NULL) {
		if (PyList_Append(list, event) < 0)
			Py_CLEAR(list);
		Py_DECREF(event);
	}
	if (PyErr_Occurred())
		Py_CLEAR(list);
	return list;
}

static PyObject *Stream_next_batch(Stream *s, PyObject *none)
{
	(void)none;
	if (check_cancelled(s) < 0)
		return NULL;
	for (;;) {
		PyObject *list = rest_of_message(s);
		if (list == NULL || PyList_Size(list) > 0)
			return list;
		switch (fetch(s)) {
		case FAILED:
			Py_DECREF(list);
			return NULL;
		case ENDED:
			return list;
		}
		Py_DECREF(list);
	}
}

static PyObject *head_object(Stream *s)
{
	if (!s->has_head)
		Py_RETURN_NONE;
	return PyLong_FromUnsignedLongLong(s->head);
}

/* For event loops: the head of the newest message. */
static PyObject *Stream_last_head(Stream *s, PyObject *none)
{
	(void)none;
	return head_object(s);
}

static PyObject *Stream_head(Stream *s, PyObject *none)
{
	(void)none;
	if (check_cancelled(s) < 0 || (!s->begun && !s->follows && fetch(s) == FAILED))
		return NULL;
	return head_object(s);
}

static PyObject *Stream_collect_with_head(Stream *s, PyObject *none)
{
	(void)none;
	PyObject *event, *list = PyList_New(0);
	while (list != NULL && (event = Stream_iternext(s)) != NULL) {
		if (PyList_Append(list, event) < 0)
			Py_CLEAR(list);
		Py_DECREF(event);
	}
	PyObject *head = list && !PyErr_Occurred() ? head_object(s) : NULL;
	PyObject *pair = head ? PyTuple_Pack(2, list, head) : NULL;
	Py_XDECREF(list);
	Py_XDECREF(head);
	return pair;
}

static PyObject *Stream_cancel(Stream *s, PyObject *none)
{
	(void)none;
	s->cancelled = 1;
	if (!s->busy)
		drop_message(s);
	if (golib_alive())
		go.cancel(s->handle);
	Py_RETURN_NONE;
}

/* For event loops: a list of events, empty at the end, or None if nothing is there
 * yet; then the notifier tells once. */
static PyObject *Stream_poll(Stream *s, PyObject *args)
{
	uintptr_t notifier;
	if (!PyArg_ParseTuple(args, "O&", to_notifier, &notifier) || check_cancelled(s) < 0)
		return NULL;
	for (;;) {
		PyObject *list = rest_of_message(s);
		if (list == NULL || PyList_Size(list) > 0 || s->ended) {
			if (list != NULL && s->failed && PyList_Size(list) == 0) {
				Py_DECREF(list);
				fail(s);
				return NULL;
			}
			return list;
		}
		drop_message(s);
		if (go.next(s->handle, 0, notifier, &s->message) != 0) {
			s->message.bytes = NULL;
			Py_DECREF(list);
			Py_RETURN_NONE;
		}
		switch (accept(s)) {
		case FAILED:
			Py_DECREF(list);
			return NULL;
		case ENDED:
			return list;
		}
		Py_DECREF(list);
	}
}

/* The bytes of the next message, or None at the end. For health watches, whose
 * messages are no events. */
static PyObject *Stream_next_message(Stream *s, PyObject *none)
{
	(void)none;
	if (check_cancelled(s) < 0)
		return NULL;
	switch (fetch(s)) {
	case FAILED:
		return NULL;
	case ENDED:
		Py_RETURN_NONE;
	}
	return PyBytes_FromStringAndSize(s->message.bytes, s->message.length);
}

/* Likewise for event loops: bytes, None at the end, False if nothing is there yet. */
static PyObject *Stream_poll_message(Stream *s, PyObject *args)
{
	uintptr_t notifier;
	if (!PyArg_ParseTuple(args, "O&", to_notifier, &notifier) || check_cancelled(s) < 0)
		return NULL;
	if (s->ended)
		return Stream_next_message(s, NULL);
	drop_message(s);
	if (go.next(s->handle, 0, notifier, &s->message) != 0) {
		s->message.bytes = NULL;
		Py_RETURN_FALSE;
	}
	switch (accept(s)) {
	case FAILED:
		return NULL;
	case ENDED:
		Py_RETURN_NONE;
	}
	return PyBytes_FromStringAndSize(s->message.bytes, s->message.length);
}

static PyObject *Stream_handle(Stream *s, void *closure)
{
	(void)closure;
	return PyLong_FromUnsignedLongLong(s->handle);
}

static PyObject *Stream_cancelled(Stream *s, void *closure)
{
	(void)closure;
	return PyBool_FromLong(is_cancelled(s));
}

static void Stream_dealloc(Stream *s)
{
	PyTypeObject *type = Py_TYPE(s);
	drop_message(s);
	if (golib_alive())
		go.free(s->handle);
	Py_DECREF(s->connection);
	PyObject_Free(s);
	Py_DECREF(type);
}

PyObject *cancel_all(PyObject *module, PyObject *none)
{
	(void)module;
	(void)none;
	epoch++;
	if (golib_alive())
		go.cancel_streams();
	Py_RETURN_NONE;
}

#define NEXT_BATCH_DOC \
	"next_batch($self, /)\n--\n\n" \
	"Wait for more events and return them as a list of SequencedEvent, as many as came together.\n\n" \
	"An empty list says that there are no more."
#define CANCEL_DOC \
	"cancel($self, /)\n--\n\n" \
	"End this stream. Whoever waits for an event of it, or asks for one later, gets CancelledByUserError.\n\n" \
	"May be called from any thread."

static PyMethodDef ReadResponse_methods[] = {
	{"head", (PyCFunction)Stream_head, METH_NOARGS,
		"head($self, /)\n--\n\n"
		"Return the position to give as AppendCondition.after (int), or None.\n\n"
		"Without a limit, that is the position of the last event of the store when the read\n"
		"began, whether it matches or not; with one, of the last event of the newest batch.\n"
		"None in an empty store, if a limited read matched nothing, and of a read that subscribes."},
	{"collect_with_head", (PyCFunction)Stream_collect_with_head, METH_NOARGS,
		"collect_with_head($self, /)\n--\n\nReturn a list of all events not yet given, and head()."},
	{"next_batch", (PyCFunction)Stream_next_batch, METH_NOARGS, NEXT_BATCH_DOC},
	{"cancel", (PyCFunction)Stream_cancel, METH_NOARGS, CANCEL_DOC},
	{"_poll", (PyCFunction)Stream_poll, METH_VARARGS, NULL},
	{"_last_head", (PyCFunction)Stream_last_head, METH_NOARGS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyMethodDef Subscription_methods[] = {
	{"next_batch", (PyCFunction)Stream_next_batch, METH_NOARGS, NEXT_BATCH_DOC},
	{"cancel", (PyCFunction)Stream_cancel, METH_NOARGS, CANCEL_DOC},
	{"_poll", (PyCFunction)Stream_poll, METH_VARARGS, NULL},
	{"_next_message", (PyCFunction)Stream_next_message, METH_NOARGS, NULL},
	{"_poll_message", (PyCFunction)Stream_poll_message, METH_VARARGS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyGetSetDef Stream_getset[] = {
	{"_handle", (getter)Stream_handle, NULL, NULL, NULL},
	{"_cancelled", (getter)Stream_cancelled, NULL, NULL, NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot ReadResponse_slots[] = {
	{Py_tp_doc, "The result of Client.read: an iterator over SequencedEvent. For one thread at a time."},
	{Py_tp_dealloc, Stream_dealloc},
	{Py_tp_iter, PyObject_SelfIter},
	{Py_tp_iternext, Stream_iternext},
	{Py_tp_methods, ReadResponse_methods},
	{Py_tp_getset, Stream_getset},
	{0, NULL},
};

static PyType_Slot Subscription_slots[] = {
	{Py_tp_doc, "The result of Client.subscribe: an iterator over SequencedEvent that waits for more. For one thread at a time."},
	{Py_tp_dealloc, Stream_dealloc},
	{Py_tp_iter, PyObject_SelfIter},
	{Py_tp_iternext, Stream_iternext},
	{Py_tp_methods, Subscription_methods},
	{Py_tp_getset, Stream_getset},
	{0, NULL},
};

static PyType_Spec ReadResponse_spec = {
	.name = "umadb.ReadResponse",
	.basicsize = sizeof(Stream),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.slots = ReadResponse_slots,
};

static PyType_Spec Subscription_spec = {
	.name = "umadb.Subscription",
	.basicsize = sizeof(Stream),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.slots = Subscription_slots,
};

int stream_init(PyObject *module)
{
	ReadResponse_Type = add_type(module, &ReadResponse_spec);
	Subscription_Type = add_type(module, &Subscription_spec);
	return ReadResponse_Type && Subscription_Type ? 0 : -1;
}

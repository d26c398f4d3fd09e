/* ReadResponse and Subscription: single events, batches and heads from the messages of a
 * stream. */

#include "stream.h"

enum { RESPONSE_EVENTS = 1 };

PyTypeObject *ReadResponse_Type, *Subscription_Type;

/* Returns the next event of the message, or NULL: either with an exception, or at the end of
 * the message. */
static PyObject *next_of_message(Stream *s)
{
	field f;
	if (s->remaining == 0) {
		if (!s->ended)
			stream_finish(s);
		return NULL;
	}
	while (next_field(&s->unread, &f) > 0) {
		if (f.number == RESPONSE_EVENTS && f.type == 2) {
			if (s->remaining > 0)
				s->remaining--;
			int64_t recorded_at = NO_TIME;
			next_fixed64(&s->times, &recorded_at);
			return sequenced_new(f.bytes, f.size, s->uuid_object, recorded_at);
		}
	}
	return NULL;
}

static PyObject *next_event(Stream *s, int64_t timeout)
{
	if (stream_check(s) < 0)
		return NULL;
	for (;;) {
		PyObject *event = next_of_message(s);
		if (event != NULL || PyErr_Occurred() || stream_fetch(s, timeout, 0) <= 0)
			return event;
	}
}

static PyObject *Stream_iternext(Stream *s) { return next_event(s, s->timeout); }

/* Parses the optional argument timeout of a method; the default is the stream's. */
static int timeout_of(Stream *s, PyObject *args, PyObject *kwargs, int64_t *timeout)
{
	static char *names[] = {"timeout", NULL};
	PyObject *argument = Py_None;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O", names, &argument) || !to_timeout(argument, timeout))
		return -1;
	if (argument == Py_None)
		*timeout = s->timeout;
	return 0;
}

static PyObject *Stream_next(Stream *s, PyObject *args, PyObject *kwargs)
{
	int64_t timeout;
	PyObject *event = timeout_of(s, args, kwargs, &timeout) < 0 ? NULL : next_event(s, timeout);
	if (event == NULL && !PyErr_Occurred())
		PyErr_SetNone(PyExc_StopIteration);
	return event;
}

/* Returns the remaining events of the message as a list. */
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

/* Returns the remaining events of the message, or else those of the next message, as a list
 * that is empty at the end. With a notifier it returns False if it would have to wait. */
static PyObject *next_batch(Stream *s, int64_t timeout, uint64_t notifier)
{
	if (stream_check(s) < 0)
		return NULL;
	for (;;) {
		PyObject *list = rest_of_message(s);
		if (list == NULL || PyList_Size(list) > 0)
			return list;
		int fetched = stream_fetch(s, timeout, notifier);
		if (fetched == ENDED)
			return list;
		Py_DECREF(list);
		if (fetched == FAILED)
			return NULL;
		if (fetched == PENDING)
			Py_RETURN_FALSE;
	}
}

static PyObject *Stream_next_batch(Stream *s, PyObject *args, PyObject *kwargs)
{
	int64_t timeout;
	return timeout_of(s, args, kwargs, &timeout) < 0 ? NULL : next_batch(s, timeout, 0);
}

/* Does the same for event loops. */
static PyObject *Stream_poll(Stream *s, PyObject *args)
{
	uint64_t notifier;
	return PyArg_ParseTuple(args, "O&", to_notifier, &notifier) ? next_batch(s, 0, notifier) : NULL;
}

/* Returns the bytes of the next message, or None at the end. With a notifier it returns
 * False if it would have to wait. For health watches, whose messages are not events. */
static PyObject *Stream_next_message(Stream *s, PyObject *args)
{
	uint64_t notifier = 0;
	if (!PyArg_ParseTuple(args, "|O&", to_notifier, &notifier) || stream_check(s) < 0)
		return NULL;
	switch (stream_fetch(s, s->timeout, notifier)) {
	case FAILED:
		return NULL;
	case ENDED:
		Py_RETURN_NONE;
	case PENDING:
		Py_RETURN_FALSE;
	}
	return PyBytes_FromStringAndSize(s->message.bytes, s->message.length);
}

static PyObject *head_object(Stream *s)
{
	if (!s->has_head)
		Py_RETURN_NONE;
	return PyLong_FromUnsignedLongLong(s->head);
}

/* Returns the head of the latest message, for event loops. */
static PyObject *Stream_last_head(Stream *s, PyObject *none)
{
	(void)none;
	return head_object(s);
}

static PyObject *Stream_head(Stream *s, PyObject *none)
{
	(void)none;
	if (stream_check(s) < 0 || (!s->received && !s->live && stream_fetch(s, s->timeout, 0) == FAILED))
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
	stream_cancel(s);
	Py_RETURN_NONE;
}

static PyObject *Stream_id(Stream *s, void *closure)
{
	(void)closure;
	return PyLong_FromUnsignedLongLong(s->exchange->id);
}

static PyObject *Stream_cancelled(Stream *s, void *closure)
{
	(void)closure;
	return PyBool_FromLong(stream_is_cancelled(s));
}

#define NEXT_DOC \
	"next($self, /, timeout=None)\n--\n\n" \
	"Return the next event, as the built-in next does, but wait at most timeout seconds.\n\n" \
	"After TimeoutExpired it can be called again: no event is lost."
#define NEXT_BATCH_DOC \
	"next_batch($self, /, timeout=None)\n--\n\n" \
	"Wait for events and return those that arrived together, as a list of SequencedEvent.\n\n" \
	"The list is empty at the end. If no event arrives within timeout seconds, it raises\n" \
	"TimeoutExpired and can be called again."
#define CANCEL_DOC \
	"cancel($self, /)\n--\n\n" \
	"Cancel this stream: waiting and later calls raise CancelledByUserError.\n\n" \
	"May be called from any thread."

static PyMethodDef ReadResponse_methods[] = {
	{"head", (PyCFunction)Stream_head, METH_NOARGS,
		"head($self, /)\n--\n\n"
		"Return the position for AppendCondition.after (int), or None.\n\n"
		"Without a limit, it is the position of the last event in the store when the read\n"
		"started, whether it matches or not; with a limit, of the last event of the latest batch.\n"
		"It is None if the store is empty, a limited read matched nothing, or the read subscribes."},
	{"collect_with_head", (PyCFunction)Stream_collect_with_head, METH_NOARGS,
		"collect_with_head($self, /)\n--\n\nReturn a list of all remaining events, and head()."},
	{"next", (PyCFunction)(void (*)(void))Stream_next, METH_VARARGS | METH_KEYWORDS, NEXT_DOC},
	{"next_batch", (PyCFunction)(void (*)(void))Stream_next_batch, METH_VARARGS | METH_KEYWORDS, NEXT_BATCH_DOC},
	{"cancel", (PyCFunction)Stream_cancel, METH_NOARGS, CANCEL_DOC},
	{"_poll", (PyCFunction)Stream_poll, METH_VARARGS, NULL},
	{"_last_head", (PyCFunction)Stream_last_head, METH_NOARGS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyMethodDef Subscription_methods[] = {
	{"next", (PyCFunction)(void (*)(void))Stream_next, METH_VARARGS | METH_KEYWORDS, NEXT_DOC},
	{"next_batch", (PyCFunction)(void (*)(void))Stream_next_batch, METH_VARARGS | METH_KEYWORDS, NEXT_BATCH_DOC},
	{"cancel", (PyCFunction)Stream_cancel, METH_NOARGS, CANCEL_DOC},
	{"_poll", (PyCFunction)Stream_poll, METH_VARARGS, NULL},
	{"_next_message", (PyCFunction)Stream_next_message, METH_VARARGS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyGetSetDef Stream_getset[] = {
	{"_id", (getter)Stream_id, NULL, NULL, NULL},
	{"_cancelled", (getter)Stream_cancelled, NULL, NULL, NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot ReadResponse_slots[] = {
	{Py_tp_doc, "The result of Client.read: an iterator over SequencedEvent.\n\nMust be used by one thread at a time."},
	{Py_tp_dealloc, stream_dealloc},
	{Py_tp_iter, PyObject_SelfIter},
	{Py_tp_iternext, Stream_iternext},
	{Py_tp_methods, ReadResponse_methods},
	{Py_tp_getset, Stream_getset},
	{0, NULL},
};

static PyType_Slot Subscription_slots[] = {
	{Py_tp_doc, "The result of Client.subscribe: an iterator over SequencedEvent that waits for new events.\n\nMust be used by one thread at a time."},
	{Py_tp_dealloc, stream_dealloc},
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

int response_init(PyObject *module)
{
	ReadResponse_Type = add_type(module, &ReadResponse_spec);
	Subscription_Type = add_type(module, &Subscription_spec);
	return ReadResponse_Type && Subscription_Type ? 0 : -1;
}

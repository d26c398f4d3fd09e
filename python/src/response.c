/* What is made of the messages of streams: events one by one, in batches, and heads. */

#include "stream.h"

enum { RESPONSE_EVENTS = 1 };

PyTypeObject *ReadResponse_Type, *Subscription_Type;

/* Gives the next event of the message, or NULL: an exception, or none left. */
static PyObject *next_of_message(Stream *s)
{
	field f;
	if (s->left == 0) {
		if (!s->ended)
			stream_finish(s);
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

/* Reads the timeout that may be the argument of a method; by default it is the stream's. */
static int timeout_of(Stream *s, PyObject *args, PyObject *kwargs, int64_t *timeout)
{
	static char *names[] = {"timeout", NULL};
	PyObject *given = Py_None;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O", names, &given) || !to_timeout(given, timeout))
		return -1;
	if (given == Py_None)
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

/* Gives as many events as came together as a list, empty at the end; False if a
 * notifier is to tell when there are some. */
static PyObject *next_batch(Stream *s, int64_t timeout, uint64_t notifier)
{
	if (stream_check(s) < 0)
		return NULL;
	for (;;) {
		PyObject *list = rest_of_message(s);
		if (list == NULL || PyList_Size(list) > 0)
			return list;
		int came = stream_fetch(s, timeout, notifier);
		if (came == ENDED)
			return list;
		Py_DECREF(list);
		if (came == FAILED)
			return NULL;
		if (came == PENDING)
			Py_RETURN_FALSE;
	}
}

static PyObject *Stream_next_batch(Stream *s, PyObject *args, PyObject *kwargs)
{
	int64_t timeout;
	return timeout_of(s, args, kwargs, &timeout) < 0 ? NULL : next_batch(s, timeout, 0);
}

/* Likewise for event loops. */
static PyObject *Stream_poll(Stream *s, PyObject *args)
{
	uint64_t notifier;
	return PyArg_ParseTuple(args, "O&", to_notifier, &notifier) ? next_batch(s, 0, notifier) : NULL;
}

/* Gives the bytes of the next message, None at the end, False if the notifier that
 * may be the argument is to tell when it is there. For health watches, whose
 * messages are no events. */
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

/* For event loops: the head of the newest message. */
static PyObject *Stream_last_head(Stream *s, PyObject *none)
{
	(void)none;
	return head_object(s);
}

static PyObject *Stream_head(Stream *s, PyObject *none)
{
	(void)none;
	if (stream_check(s) < 0 || (!s->begun && !s->follows && stream_fetch(s, s->timeout, 0) == FAILED))
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
	"Do what the built-in next does, for no longer than timeout (seconds).\n\n" \
	"After TimeoutExpired it may be called again: no event is lost."
#define NEXT_BATCH_DOC \
	"next_batch($self, /, timeout=None)\n--\n\n" \
	"Wait for more events and return them as a list of SequencedEvent, as many as came together.\n\n" \
	"An empty list says that there are no more. If none come within timeout (seconds), it raises\n" \
	"TimeoutExpired, and may be called again."
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
	{Py_tp_doc, "The result of Client.read: an iterator over SequencedEvent. For one thread at a time."},
	{Py_tp_dealloc, stream_dealloc},
	{Py_tp_iter, PyObject_SelfIter},
	{Py_tp_iternext, Stream_iternext},
	{Py_tp_methods, ReadResponse_methods},
	{Py_tp_getset, Stream_getset},
	{0, NULL},
};

static PyType_Slot Subscription_slots[] = {
	{Py_tp_doc, "The result of Client.subscribe: an iterator over SequencedEvent that waits for more. For one thread at a time."},
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

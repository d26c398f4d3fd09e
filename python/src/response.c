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
			next_fixed64(&s->response.times, &recorded_at);
			return sequenced_new(f.bytes, f.size, s->uuid_object, recorded_at);
		}
	}
	return NULL;
}

static PyObject *next_event(Stream *s, int64_t timeout)
{
	if (stream_check(s) < 0)
		return NULL;
	int64_t latest = 0;
	for (;;) {
		PyObject *event = next_of_message(s);
		if (event != NULL || PyErr_Occurred())
			return event;
		int reported = stream_report(s);
		if (reported > 0)
			continue; /* the function may have fetched another message */
		if (latest == 0)
			latest = exchange_deadline(timeout);
		if (reported < 0 || stream_fetch(s, latest, 0) <= 0)
			return NULL;
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

/* Returns the remaining events of the message, or else those of the next message that has
 * any, as a list that is empty at the end. A part may also be empty after a message without
 * events, and is None at the end. With a notifier it returns False if it would have to wait. */
static PyObject *next_batch(Stream *s, int part, int64_t timeout, uint64_t notifier)
{
	if (stream_check(s) < 0)
		return NULL;
	int64_t latest = 0;
	for (;;) {
		PyObject *list = rest_of_message(s);
		if (list == NULL || PyList_Size(list) > 0)
			return list;
		int reported = stream_report(s);
		if (latest == 0)
			latest = exchange_deadline(timeout);
		int fetched = reported < 0 ? FAILED : reported > 0 ? MESSAGE : stream_fetch(s, latest, notifier);
		if (fetched == ENDED && !part)
			return list;
		Py_DECREF(list);
		switch (fetched) {
		case FAILED:
			return NULL;
		case ENDED:
			Py_RETURN_NONE;
		case PENDING:
			Py_RETURN_FALSE;
		}
		if (part)
			return rest_of_message(s);
	}
}

static PyObject *Stream_next_batch(Stream *s, PyObject *args, PyObject *kwargs)
{
	int64_t timeout;
	return timeout_of(s, args, kwargs, &timeout) < 0 ? NULL : next_batch(s, 0, timeout, 0);
}

/* Returns the next part of a subscription, for projections. */
static PyObject *Stream_part(Stream *s, PyObject *args)
{
	int64_t timeout;
	return PyArg_ParseTuple(args, "O&", to_timeout, &timeout) ? next_batch(s, 1, timeout, 0) : NULL;
}

/* Returns the next batch of a read, or the next part of a subscription, for event loops. */
static PyObject *Stream_poll(Stream *s, PyObject *args)
{
	uint64_t notifier;
	int part = Py_TYPE(s) == Subscription_Type;
	return PyArg_ParseTuple(args, "O&", to_notifier, &notifier) ? next_batch(s, part, 0, notifier) : NULL;
}

/* Returns the bytes of the next message, or None at the end. With a notifier it returns
 * False if it would have to wait. For health watches, whose messages are not events. */
static PyObject *Stream_next_message(Stream *s, PyObject *args)
{
	uint64_t notifier = 0;
	if (!PyArg_ParseTuple(args, "|O&", to_notifier, &notifier) || stream_check(s) < 0)
		return NULL;
	switch (stream_fetch(s, exchange_deadline(s->timeout), notifier)) {
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
	if (!s->response.has_head)
		Py_RETURN_NONE;
	return PyLong_FromUnsignedLongLong(s->response.head);
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
	if (stream_check(s) < 0 || (!s->received && !s->live && stream_fetch(s, exchange_deadline(s->timeout), 0) == FAILED))
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

/* Returns the next report of a subscription, for event loops. */
static PyObject *Stream_next_report(Stream *s, PyObject *none)
{
	(void)none;
	return PyLong_FromLong(stream_next_report(s));
}

static PyObject *Stream_get_progress(Stream *s, void *closure)
{
	(void)closure;
	return stream_progress(s);
}

/* Returns up to where events have been checked, with those of the current message; 0 if that is
 * not known. */
static PyObject *Stream_checked(Stream *s, void *closure)
{
	(void)closure;
	int later = s->response.has_progress && s->response.checked > s->checked;
	return PyLong_FromUnsignedLongLong(later ? s->response.checked : s->checked);
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
	{"_part", (PyCFunction)Stream_part, METH_VARARGS, NULL},
	{"_poll", (PyCFunction)Stream_poll, METH_VARARGS, NULL},
	{"_next_report", (PyCFunction)Stream_next_report, METH_NOARGS, NULL},
	{"_next_message", (PyCFunction)Stream_next_message, METH_VARARGS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyGetSetDef Stream_getset[] = {
	{"_id", (getter)Stream_id, NULL, NULL, NULL},
	{"_cancelled", (getter)Stream_cancelled, NULL, NULL, NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

#define PROGRESS_DOC \
	"How far the subscription is (SubscriptionProgress), or None.\n\n" \
	"It is None until that is known, and with servers that do not report it. It moves when the next\n" \
	"event is requested after the last one of those that arrived together, and while there are none."

static PyGetSetDef Subscription_getset[] = {
	{"progress", (getter)Stream_get_progress, NULL, PROGRESS_DOC, NULL},
	{"_checked", (getter)Stream_checked, NULL, NULL, NULL},
	{"_id", (getter)Stream_id, NULL, NULL, NULL},
	{"_cancelled", (getter)Stream_cancelled, NULL, NULL, NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot ReadResponse_slots[] = {
	{Py_tp_doc, "The result of Client.read: an iterator over SequencedEvent.\n\nMust be used by one thread at a time."},
	{Py_tp_dealloc, stream_dealloc},
	{Py_tp_traverse, stream_traverse},
	{Py_tp_clear, stream_clear},
	{Py_tp_iter, PyObject_SelfIter},
	{Py_tp_iternext, Stream_iternext},
	{Py_tp_methods, ReadResponse_methods},
	{Py_tp_getset, Stream_getset},
	{0, NULL},
};

static PyType_Slot Subscription_slots[] = {
	{Py_tp_doc, "The result of Client.subscribe: an iterator over SequencedEvent that waits for new events.\n\nMust be used by one thread at a time."},
	{Py_tp_dealloc, stream_dealloc},
	{Py_tp_traverse, stream_traverse},
	{Py_tp_clear, stream_clear},
	{Py_tp_iter, PyObject_SelfIter},
	{Py_tp_iternext, Stream_iternext},
	{Py_tp_methods, Subscription_methods},
	{Py_tp_getset, Subscription_getset},
	{0, NULL},
};

static PyType_Spec ReadResponse_spec = {
	.name = "umadb.ReadResponse",
	.basicsize = sizeof(Stream),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.slots = ReadResponse_slots,
};

static PyType_Spec Subscription_spec = {
	.name = "umadb.Subscription",
	.basicsize = sizeof(Stream),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.slots = Subscription_slots,
};

int response_init(PyObject *module)
{
	ReadResponse_Type = add_type(module, &ReadResponse_spec);
	Subscription_Type = add_type(module, &Subscription_spec);
	return ReadResponse_Type && Subscription_Type ? 0 : -1;
}

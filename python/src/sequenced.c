/* SequencedEvent: an event with its position in the log. */

#include "values.h"

enum {
	SEQUENCED_POSITION = 1,
	SEQUENCED_EVENT = 2,
	SEQUENCED_TRACKING = 3,
};

PyTypeObject *SequencedEvent_Type;

/* The bytes of an umadb.v1.SequencedEvent, and the offsets of its fields in them. */
typedef struct {
	PyObject_VAR_HEAD
	PyObject *event; /* NULL until it is first accessed */
	uint64_t position;
	int64_t recorded_at; /* in Unix nanoseconds, or NO_TIME */
	uint32_t event_at, event_size;
	uint32_t tracking_at, tracking_size;
	char has_tracking;
	char uuid_object;
	uint8_t bytes[];
} SequencedEvent;

PyObject *sequenced_new(const uint8_t *bytes, Py_ssize_t size, char uuid_object, int64_t recorded_at)
{
	field f = {.bytes = NULL, .size = 0};
	if ((uint64_t)size > UINT32_MAX) {
		PyErr_SetString(PyExc_ValueError, "an event must be less than 4 GiB");
		return NULL;
	}
	SequencedEvent *s = PyObject_NewVar(SequencedEvent, SequencedEvent_Type, size);
	if (s == NULL)
		return NULL;
	memcpy(s->bytes, bytes, size);
	s->event = NULL;
	s->position = 0;
	s->recorded_at = recorded_at;
	s->event_at = s->event_size = s->tracking_at = s->tracking_size = 0;
	s->has_tracking = 0;
	s->uuid_object = uuid_object;
	reader r = {s->bytes, s->bytes + size};
	while (next_field(&r, &f) > 0) {
		if (f.number == SEQUENCED_POSITION && f.type == 0) {
			s->position = f.varint;
		} else if (f.number == SEQUENCED_EVENT && f.type == 2) {
			s->event_at = f.bytes - s->bytes;
			s->event_size = f.size;
		} else if (f.number == SEQUENCED_TRACKING && f.type == 2) {
			s->tracking_at = f.bytes - s->bytes;
			s->tracking_size = f.size;
			s->has_tracking = 1;
		}
	}
	return (PyObject *)s;
}

/* Converts the argument recorded_at. Returns 0, or -1 with an exception. */
static int to_recorded_at(PyObject *argument, int64_t *recorded_at)
{
	int64_t microseconds;
	*recorded_at = NO_TIME;
	if (argument == Py_None)
		return 0;
	if (to_microseconds(argument, "recorded_at", &microseconds) < 0)
		return -1;
	if (microseconds > INT64_MAX / 1000 || microseconds < INT64_MIN / 1000) {
		PyErr_SetString(PyExc_ValueError, "recorded_at must be a time from 1678 to 2261");
		return -1;
	}
	*recorded_at = microseconds * 1000;
	return 0;
}

static PyObject *SequencedEvent_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = {"position", "event", "tracking_info", "recorded_at", NULL};
	PyObject *position, *event, *tracking = Py_None, *time = Py_None;
	uint64_t number;
	int64_t recorded_at;
	(void)type;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|OO:SequencedEvent", names, &position, &event, &tracking, &time) ||
	    to_unsigned(position, "position", 64, &number) < 0 || to_recorded_at(time, &recorded_at) < 0)
		return NULL;
	if (Py_TYPE(event) != Event_Type || (tracking != Py_None && Py_TYPE(tracking) != TrackingInfo_Type)) {
		PyErr_SetString(PyExc_TypeError, "event must be an Event, and tracking_info a TrackingInfo or None");
		return NULL;
	}
	writer w = {0};
	write_number(&w, SEQUENCED_POSITION, number);
	write_bytes(&w, SEQUENCED_EVENT, ((Message *)event)->bytes, Py_SIZE(event));
	PyObject *self = NULL;
	if (write_tracking(&w, SEQUENCED_TRACKING, tracking) == 0 && check_written(&w) == 0)
		self = sequenced_new(w.bytes, w.size, ((Message *)event)->uuid_object, recorded_at);
	free(w.bytes);
	return self;
}

static void SequencedEvent_dealloc(PyObject *self)
{
	Py_XDECREF(((SequencedEvent *)self)->event);
	free_object(self);
}

static PyObject *SequencedEvent_position(PyObject *self, void *closure)
{
	(void)closure;
	return PyLong_FromUnsignedLongLong(((SequencedEvent *)self)->position);
}

static PyObject *SequencedEvent_event(PyObject *self, void *closure)
{
	(void)closure;
	SequencedEvent *s = (SequencedEvent *)self;
	if (s->event == NULL)
		s->event = message_new(Event_Type, s->bytes + s->event_at, s->event_size, s->uuid_object);
	Py_XINCREF(s->event);
	return s->event;
}

static PyObject *SequencedEvent_tracking(PyObject *self, void *closure)
{
	(void)closure;
	SequencedEvent *s = (SequencedEvent *)self;
	if (!s->has_tracking)
		Py_RETURN_NONE;
	return tracking_of(s->bytes + s->tracking_at, s->tracking_size);
}

static PyObject *SequencedEvent_recorded_at(PyObject *self, void *closure)
{
	(void)closure;
	int64_t recorded_at = ((SequencedEvent *)self)->recorded_at;
	if (recorded_at == NO_TIME)
		Py_RETURN_NONE;
	return datetime_of(recorded_at);
}

/* Returns what identifies an event: the time at which it was recorded does not,
 * since not every server sends it. */
static PyObject *SequencedEvent_arguments(PyObject *self)
{
	return Py_BuildValue("(NNN)", SequencedEvent_position(self, NULL), SequencedEvent_event(self, NULL), SequencedEvent_tracking(self, NULL));
}

static PyObject *SequencedEvent_compare(PyObject *a, PyObject *b, int op)
{
	if (Py_TYPE(a) != Py_TYPE(b) || (op != Py_EQ && op != Py_NE))
		return not_implemented();
	PyObject *x = SequencedEvent_arguments(a), *y = SequencedEvent_arguments(b);
	PyObject *result = x && y ? PyObject_RichCompare(x, y, op) : NULL;
	Py_XDECREF(x);
	Py_XDECREF(y);
	return result;
}

static Py_hash_t SequencedEvent_hash(PyObject *self) { return hash_of(SequencedEvent_arguments(self)); }

static PyObject *SequencedEvent_repr(PyObject *self)
{
	return repr_of("SequencedEvent(position=%r, event=%r, tracking_info=%r)", SequencedEvent_arguments(self));
}

static PyObject *SequencedEvent_reduce(PyObject *self, PyObject *none)
{
	(void)none;
	if (((SequencedEvent *)self)->recorded_at == NO_TIME)
		return reduce_to(self, SequencedEvent_arguments(self));
	return reduce_to(self, Py_BuildValue("(NNNN)", SequencedEvent_position(self, NULL), SequencedEvent_event(self, NULL),
		SequencedEvent_tracking(self, NULL), SequencedEvent_recorded_at(self, NULL)));
}

static PyGetSetDef SequencedEvent_getset[] = {
	{"position", SequencedEvent_position, NULL, "The position of the event in the log, counted from 1 without gaps (int).", NULL},
	{"event", SequencedEvent_event, NULL, "The event (Event).", NULL},
	{"tracking_info", SequencedEvent_tracking, NULL, "The TrackingInfo that the append of the event recorded, or None.", NULL},
	{"recorded_at", SequencedEvent_recorded_at, NULL,
		"When the store recorded the event (an aware datetime.datetime in UTC), or None.\n\n"
		"It is rounded down to microseconds, and never decreases from one position to the next. It is\n"
		"None if the server does not tell it. It does not count when events are compared.", NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef SequencedEvent_methods[] = {
	{"__reduce__", SequencedEvent_reduce, METH_NOARGS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyType_Slot SequencedEvent_slots[] = {
	{Py_tp_doc,
		"SequencedEvent(position, event, tracking_info=None, recorded_at=None)\n--\n\n"
		"A stored event with its position in the log. Immutable.\n\n"
		"Args:\n"
		"    position: the position in the log, counted from 1 without gaps (int).\n"
		"    event: the event (Event).\n"
		"    tracking_info: recorded by the append of the event (TrackingInfo), or None.\n"
		"    recorded_at: when the event was recorded (aware datetime.datetime), or None.\n\n"
		"Raises:\n"
		"    TypeError: if an argument has the wrong type.\n"
		"    ValueError: if position is not an unsigned 64-bit integer, or recorded_at has no time zone."},
	{Py_tp_new, SequencedEvent_new},
	{Py_tp_dealloc, SequencedEvent_dealloc},
	{Py_tp_richcompare, SequencedEvent_compare},
	{Py_tp_hash, SequencedEvent_hash},
	{Py_tp_repr, SequencedEvent_repr},
	{Py_tp_getset, SequencedEvent_getset},
	{Py_tp_methods, SequencedEvent_methods},
	{0, NULL},
};

SPEC(SequencedEvent, offsetof(SequencedEvent, bytes), 1);

int sequenced_init(PyObject *module)
{
	SequencedEvent_Type = add_type(module, &SequencedEvent_spec);
	return SequencedEvent_Type ? 0 : -1;
}

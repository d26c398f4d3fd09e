/* Encoding of the requests of a connection. */

#include "request.h"

/* Field numbers of proto/umadb/v1/umadb.proto. */
enum {
	APPEND_EVENTS = 1,
	APPEND_CONDITION = 2,
	APPEND_TRACKING = 3,
	CONDITION_QUERY = 1,
	CONDITION_AFTER = 2,
	READ_QUERY = 1,
	READ_START = 2,
	READ_BACKWARDS = 3,
	READ_LIMIT = 4,
	SUBSCRIBE_QUERY = 1,
	SUBSCRIBE_AFTER = 2,
	COUNT_QUERY = 1,
	COUNT_BOUNDS = 2,
};

static int write_events(writer *w, PyObject *events)
{
	PyObject *all = tuple_of(events, "events", "Event");
	if (all == NULL)
		return -1;
	int failed = 0;
	Py_ssize_t size = PyTuple_Size(all);
	for (Py_ssize_t i = 0; i < size && !failed; i++) {
		PyObject *event = PyTuple_GetItem(all, i);
		failed = Py_TYPE(event) != Event_Type;
		if (failed)
			PyErr_Format(PyExc_TypeError, "events[%zd] must be an Event, not %R", i, (PyObject *)Py_TYPE(event));
		else
			write_bytes(w, APPEND_EVENTS, ((Message *)event)->bytes, Py_SIZE(event));
	}
	Py_DECREF(all);
	return failed ? -1 : 0;
}

static int write_condition(writer *w, PyObject *condition)
{
	if (condition == Py_None)
		return 0;
	if (Py_TYPE(condition) != AppendCondition_Type) {
		PyErr_Format(PyExc_TypeError, "condition must be an AppendCondition or None, not %R", (PyObject *)Py_TYPE(condition));
		return -1;
	}
	AppendCondition *c = (AppendCondition *)condition;
	writer message = {0};
	write_bytes(&message, CONDITION_QUERY, ((Message *)c->query)->bytes, Py_SIZE(c->query));
	if (c->has_after)
		write_number(&message, CONDITION_AFTER, c->after);
	write_message(w, APPEND_CONDITION, &message);
	return 0;
}

int write_append(writer *w, PyObject *events, PyObject *condition, PyObject *tracking)
{
	if (write_events(w, events) < 0 || write_condition(w, condition) < 0)
		return -1;
	if (tracking != Py_None && Py_TYPE(tracking) != TrackingInfo_Type) {
		PyErr_Format(PyExc_TypeError, "tracking_info must be a TrackingInfo or None, not %R", (PyObject *)Py_TYPE(tracking));
		return -1;
	}
	return write_tracking(w, APPEND_TRACKING, tracking) < 0 ? -1 : check_written(w);
}

/* Writes a Query field; None writes nothing. */
static int write_query(writer *w, int number, PyObject *query)
{
	if (query == Py_None)
		return 0;
	if (Py_TYPE(query) != Query_Type) {
		PyErr_Format(PyExc_TypeError, "query must be a Query or None, not %R", (PyObject *)Py_TYPE(query));
		return -1;
	}
	write_bytes(w, number, ((Message *)query)->bytes, Py_SIZE(query));
	return 0;
}

/* Writes a number of at most the given number of bits; None writes nothing. */
static int write_optional(writer *w, int number, PyObject *object, const char *name, int bits)
{
	uint64_t value;
	if (object == Py_None)
		return 0;
	if (to_unsigned(object, name, bits, &value) < 0)
		return -1;
	write_number(w, number, value);
	return 0;
}

int write_read(writer *w, PyObject *query, PyObject *start, int backwards, PyObject *limit)
{
	if (write_query(w, READ_QUERY, query) < 0 || write_optional(w, READ_START, start, "start", 64) < 0)
		return -1;
	if (backwards)
		write_number(w, READ_BACKWARDS, 1);
	return write_optional(w, READ_LIMIT, limit, "limit", 32);
}

int write_subscribe(writer *w, PyObject *query, PyObject *after, int as_read)
{
	uint64_t position = 0;
	if (write_query(w, SUBSCRIBE_QUERY, query) < 0 || (after != Py_None && to_unsigned(after, as_read ? "start" : "after", 64, &position) < 0))
		return -1;
	if (position > 0)
		write_number(w, SUBSCRIBE_AFTER, position - (as_read ? 1 : 0));
	return 0;
}

int write_count(writer *w, PyObject *query, PyObject *bounds)
{
	writer packed = {0};
	PyObject *all = write_query(w, COUNT_QUERY, query) < 0 ? NULL : tuple_of(bounds, "bounds", "int or None");
	Py_ssize_t size = all ? PyTuple_Size(all) : -1;
	int failed = size < 0;
	for (Py_ssize_t i = 0; i < size && !failed; i++) {
		PyObject *bound = PyTuple_GetItem(all, i);
		uint64_t position = 0;
		failed = bound != Py_None && to_unsigned(bound, "bound", 64, &position) < 0;
		write_varint(&packed, position);
	}
	Py_XDECREF(all);
	write_message(w, COUNT_BOUNDS, &packed);
	return failed ? -1 : check_written(w);
}

int write_batch_size(writer *w, int number, unsigned int size)
{
	if (size > 0)
		write_number(w, number, size);
	return check_written(w);
}

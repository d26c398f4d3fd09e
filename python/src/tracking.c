/* TrackingInfo: a position in an upstream sequence, recorded by an append. */

#include "values.h"

enum {
	TRACKING_SOURCE = 1,
	TRACKING_POSITION = 2,
};

PyTypeObject *TrackingInfo_Type;

static PyObject *tracking_new(PyTypeObject *type, PyObject *source, uint64_t position)
{
	TrackingInfo *t = source ? PyObject_New(TrackingInfo, type) : NULL;
	if (t == NULL) {
		Py_XDECREF(source);
		return NULL;
	}
	t->source = source;
	t->position = position;
	return (PyObject *)t;
}

static PyObject *TrackingInfo_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = {"source", "position", NULL};
	PyObject *source, *position;
	uint64_t number;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "UO:TrackingInfo", names, &source, &position) || to_unsigned(position, "position", 64, &number) < 0)
		return NULL;
	if (PyUnicode_AsUTF8AndSize(source, NULL) == NULL) /* contains a lone surrogate */
		return NULL;
	return tracking_new(type, PyUnicode_FromObject(source), number); /* converts a subclass to str */
}

static void TrackingInfo_dealloc(PyObject *self)
{
	Py_DECREF(((TrackingInfo *)self)->source);
	free_object(self);
}

static PyObject *TrackingInfo_source(PyObject *self, void *closure)
{
	(void)closure;
	return Py_NewRef(((TrackingInfo *)self)->source);
}

static PyObject *TrackingInfo_position(PyObject *self, void *closure)
{
	(void)closure;
	return PyLong_FromUnsignedLongLong(((TrackingInfo *)self)->position);
}

static PyObject *TrackingInfo_arguments(PyObject *self)
{
	return Py_BuildValue("(NN)", TrackingInfo_source(self, NULL), TrackingInfo_position(self, NULL));
}

static int same_tracking(PyObject *a, PyObject *b)
{
	TrackingInfo *x = (TrackingInfo *)a, *y = (TrackingInfo *)b;
	return x->position == y->position ? PyObject_RichCompareBool(x->source, y->source, Py_EQ) : 0;
}

static PyObject *TrackingInfo_compare(PyObject *a, PyObject *b, int op)
{
	if (Py_TYPE(a) != Py_TYPE(b) || (op != Py_EQ && op != Py_NE))
		return not_implemented();
	int same = same_tracking(a, b);
	return same < 0 ? NULL : PyBool_FromLong(same == (op == Py_EQ));
}

static Py_hash_t TrackingInfo_hash(PyObject *self) { return hash_of(TrackingInfo_arguments(self)); }

static PyObject *TrackingInfo_repr(PyObject *self) { return repr_of("TrackingInfo(source=%r, position=%r)", TrackingInfo_arguments(self)); }

static PyObject *TrackingInfo_reduce(PyObject *self, PyObject *none)
{
	(void)none;
	return reduce_to(self, TrackingInfo_arguments(self));
}

static PyGetSetDef TrackingInfo_getset[] = {
	{"source", TrackingInfo_source, NULL, "The name of the upstream sequence (str).", NULL},
	{"position", TrackingInfo_position, NULL, "The position in the upstream sequence (int).", NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef TrackingInfo_methods[] = {
	{"__reduce__", TrackingInfo_reduce, METH_NOARGS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyType_Slot TrackingInfo_slots[] = {
	{Py_tp_doc,
		"TrackingInfo(source, position)\n--\n\n"
		"A position in an upstream sequence of events. Immutable.\n\n"
		"Args:\n"
		"    source: the name of the sequence, at most 255 bytes of UTF-8 (str).\n"
		"    position: must be greater than the recorded position of the source (int).\n\n"
		"Raises:\n"
		"    TypeError: if an argument has the wrong type.\n"
		"    ValueError: if position is not an unsigned 64-bit integer."},
	{Py_tp_new, TrackingInfo_new},
	{Py_tp_dealloc, TrackingInfo_dealloc},
	{Py_tp_richcompare, TrackingInfo_compare},
	{Py_tp_hash, TrackingInfo_hash},
	{Py_tp_repr, TrackingInfo_repr},
	{Py_tp_getset, TrackingInfo_getset},
	{Py_tp_methods, TrackingInfo_methods},
	{0, NULL},
};

SPEC(TrackingInfo, sizeof(TrackingInfo), 0);

int write_tracking(writer *w, int number, PyObject *tracking)
{
	if (tracking == Py_None)
		return 0;
	TrackingInfo *t = (TrackingInfo *)tracking;
	writer message = {0};
	int failed = write_text(&message, TRACKING_SOURCE, t->source, "source", 0);
	write_number(&message, TRACKING_POSITION, t->position);
	write_message(w, number, &message);
	return failed;
}

PyObject *tracking_of(const uint8_t *bytes, Py_ssize_t size)
{
	field f, source = {.size = 0};
	uint64_t position = 0;
	reader r = {bytes, bytes + size};
	while (next_field(&r, &f) > 0) {
		if (f.number == TRACKING_SOURCE && f.type == 2)
			source = f;
		else if (f.number == TRACKING_POSITION && f.type == 0)
			position = f.varint;
	}
	return tracking_new(TrackingInfo_Type, PyUnicode_DecodeUTF8((const char *)source.bytes, source.size, NULL), position);
}

int tracking_init(PyObject *module)
{
	TrackingInfo_Type = add_type(module, &TrackingInfo_spec);
	return TrackingInfo_Type ? 0 : -1;
}

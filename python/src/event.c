/* Event: stored as the bytes of an umadb.v1.Event. */

#include "values.h"

enum {
	EVENT_TYPE = 1,
	EVENT_TAGS = 2,
	EVENT_DATA = 3,
	EVENT_UUID = 4,
	EVENT_METADATA = 5,
	METADATA_KEY = 1,
	METADATA_VALUE = 2,
};

PyTypeObject *Event_Type;

/* Reports whether an object is a buffer of bytes, not of larger items. */
static int is_buffer_of_bytes(PyObject *data)
{
	PyObject *view = PyMemoryView_FromObject(data);
	PyObject *size = view ? PyObject_GetAttrString(view, "itemsize") : NULL;
	int is = size && PyLong_AsLong(size) == 1;
	Py_XDECREF(size);
	Py_XDECREF(view);
	PyErr_Clear();
	return is;
}

/* Converts data, a buffer of bytes or a sequence of int, to bytes. */
static PyObject *bytes_of(PyObject *data)
{
	if (PyBytes_Check(data))
		return Py_NewRef(data);
	if (is_buffer_of_bytes(data))
		return PyBytes_FromObject(data);
	PyObject *list = PySequence_Check(data) && !PyUnicode_Check(data) ? PySequence_List(data) : NULL;
	if (list == NULL && !PyErr_Occurred())
		PyErr_Format(PyExc_TypeError, "data must be bytes, not %R", (PyObject *)Py_TYPE(data));
	PyObject *bytes = list ? PyBytes_FromObject(list) : NULL;
	Py_XDECREF(list);
	return bytes;
}

static int write_data(writer *w, PyObject *data)
{
	char *bytes;
	Py_ssize_t size;
	PyObject *object = bytes_of(data);
	if (object == NULL)
		return -1;
	int failed = PyBytes_AsStringAndSize(object, &bytes, &size);
	if (!failed && size > 0)
		write_bytes(w, EVENT_DATA, bytes, size);
	Py_DECREF(object);
	return failed;
}

static int write_metadata(writer *w, PyObject *metadata)
{
	if (metadata == NULL || metadata == Py_None)
		return 0;
	PyObject *items = PyMapping_Check(metadata) ? PyMapping_Items(metadata) : NULL;
	if (items == NULL) {
		if (!PyErr_Occurred() || PyErr_ExceptionMatches(PyExc_TypeError) || PyErr_ExceptionMatches(PyExc_AttributeError))
			PyErr_Format(PyExc_TypeError, "metadata must be a mapping of str to str, not %R", (PyObject *)Py_TYPE(metadata));
		return -1;
	}
	int failed = 0;
	Py_ssize_t size = PyList_Size(items);
	for (Py_ssize_t i = 0; i < size && !failed; i++) {
		writer entry = {0};
		PyObject *pair = PyList_GetItem(items, i);
		if (!PyTuple_Check(pair) || PyTuple_Size(pair) != 2) {
			PyErr_SetString(PyExc_TypeError, "the items of metadata must be pairs of str");
			failed = 1;
			break;
		}
		failed = write_text(&entry, METADATA_KEY, PyTuple_GetItem(pair, 0), "a key of metadata", 0) < 0 ||
			write_text(&entry, METADATA_VALUE, PyTuple_GetItem(pair, 1), "a value of metadata", 0) < 0;
		write_message(w, EVENT_METADATA, &entry);
	}
	Py_DECREF(items);
	return failed ? -1 : 0;
}

static PyObject *Event_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = {"event_type", "data", "tags", "uuid", "metadata", NULL};
	PyObject *event_type, *data, *tags = NULL, *uuid = NULL, *metadata = NULL;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|OOO:Event", names, &event_type, &data, &tags, &uuid, &metadata))
		return NULL;
	writer w = {0};
	if (write_text(&w, EVENT_TYPE, event_type, "event_type", 0) < 0 || write_texts(&w, EVENT_TAGS, tags, "tags") < 0 ||
	    write_data(&w, data) < 0 || write_uuid(&w, EVENT_UUID, uuid) < 0 || write_metadata(&w, metadata) < 0) {
		free(w.bytes);
		return NULL;
	}
	return message_of(type, &w);
}

static PyObject *Event_event_type(PyObject *self, void *closure)
{
	(void)closure;
	field f = find_field(self, EVENT_TYPE);
	return PyUnicode_DecodeUTF8((const char *)f.bytes, f.size, NULL);
}

static PyObject *Event_data(PyObject *self, void *closure)
{
	(void)closure;
	field f = find_field(self, EVENT_DATA);
	return PyBytes_FromStringAndSize((const char *)f.bytes, f.size);
}

static PyObject *Event_tags(PyObject *self, void *closure)
{
	(void)closure;
	return texts_of(self, EVENT_TAGS);
}

static PyObject *Event_uuid(PyObject *self, void *closure)
{
	(void)closure;
	field f = find_field(self, EVENT_UUID);
	return uuid_of(&f, ((Message *)self)->uuid_object);
}

static PyObject *Event_metadata(PyObject *self, void *closure)
{
	(void)closure;
	field f, entry_field;
	reader r = reader_of(self);
	PyObject *dict = PyDict_New();
	while (dict != NULL && next_field(&r, &f) > 0) {
		if (f.number != EVENT_METADATA || f.type != 2)
			continue;
		field key = {.size = 0}, value = {.size = 0};
		reader entry = {f.bytes, f.bytes + f.size};
		while (next_field(&entry, &entry_field) > 0) {
			if (entry_field.number == METADATA_KEY && entry_field.type == 2)
				key = entry_field;
			else if (entry_field.number == METADATA_VALUE && entry_field.type == 2)
				value = entry_field;
		}
		PyObject *k = PyUnicode_DecodeUTF8((const char *)key.bytes, key.size, NULL);
		PyObject *v = PyUnicode_DecodeUTF8((const char *)value.bytes, value.size, NULL);
		if (k == NULL || v == NULL || PyDict_SetItem(dict, k, v) < 0)
			Py_CLEAR(dict);
		Py_XDECREF(k);
		Py_XDECREF(v);
	}
	return dict;
}

/* Returns the size of an event's message without its metadata, which is at the end. */
static Py_ssize_t size_before_metadata(PyObject *event)
{
	field f;
	reader r = reader_of(event);
	const uint8_t *start = r.at, *at = r.at;
	while (next_field(&r, &f) > 0 && f.number != EVENT_METADATA)
		at = r.at;
	return at - start;
}

/* Reports whether two events are equal, ignoring the order of their metadata. Returns -1
 * with an exception on an error. */
static int same_events(PyObject *a, PyObject *b)
{
	if (same_bytes(a, b))
		return 1;
	Py_ssize_t size = size_before_metadata(a);
	if (Py_SIZE(a) != Py_SIZE(b) || size != size_before_metadata(b) || memcmp(((Message *)a)->bytes, ((Message *)b)->bytes, size) != 0)
		return 0;
	PyObject *first = Event_metadata(a, NULL), *second = Event_metadata(b, NULL);
	int same = first && second ? PyObject_RichCompareBool(first, second, Py_EQ) : -1;
	Py_XDECREF(first);
	Py_XDECREF(second);
	return same;
}

static PyObject *Event_compare(PyObject *a, PyObject *b, int op)
{
	if (Py_TYPE(a) != Py_TYPE(b) || (op != Py_EQ && op != Py_NE))
		return not_implemented();
	int same = same_events(a, b);
	return same < 0 ? NULL : PyBool_FromLong(same == (op == Py_EQ));
}

static Py_hash_t Event_hash(PyObject *self) { return hash_bytes(((Message *)self)->bytes, size_before_metadata(self)); }

/* Returns the tuple of arguments that create an equal event. */
static PyObject *Event_arguments(PyObject *self)
{
	return Py_BuildValue("(NNNNN)", Event_event_type(self, NULL), Event_data(self, NULL), Event_tags(self, NULL), Event_uuid(self, NULL), Event_metadata(self, NULL));
}

static PyObject *Event_repr(PyObject *self)
{
	return repr_of("Event(event_type=%r, data=%r, tags=%r, uuid=%r, metadata=%r)", Event_arguments(self));
}

static PyObject *uuid_object_function; /* with_uuid_object */

/* Returns a copy of an event whose uuid is a uuid.UUID. Pickles refer to it by its name in
 * the module, _giving_uuid, which must not change. */
static PyObject *with_uuid_object(PyObject *module, PyObject *event)
{
	(void)module;
	if (Py_TYPE(event) != Event_Type) {
		PyErr_Format(PyExc_TypeError, "event must be an Event, not %R", (PyObject *)Py_TYPE(event));
		return NULL;
	}
	return message_new(Event_Type, ((Message *)event)->bytes, Py_SIZE(event), 1);
}

static PyObject *Event_reduce(PyObject *self, PyObject *none)
{
	Message *m = (Message *)self;
	(void)none;
	if (!m->uuid_object)
		return reduce_to(self, Event_arguments(self));
	PyObject *plain = message_new(Event_Type, m->bytes, Py_SIZE(self), 0);
	return plain ? Py_BuildValue("(O(N))", uuid_object_function, plain) : NULL;
}

static PyGetSetDef Event_getset[] = {
	{"event_type", Event_event_type, NULL, "The type of the event (str).", NULL},
	{"data", Event_data, NULL, "The payload, opaque to the store (bytes).", NULL},
	{"tags", Event_tags, NULL, "What the event is about, in the original order (a new list of str).", NULL},
	{"uuid", Event_uuid, NULL, "The event's UUID (str, or uuid.UUID from a Client with that uuid_type), or None.", NULL},
	{"metadata", Event_metadata, NULL, "The metadata in stored order (a new dict of str to str).", NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef Event_methods[] = {
	{"__reduce__", Event_reduce, METH_NOARGS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyType_Slot Event_slots[] = {
	{Py_tp_doc,
		"Event(event_type, data, tags=None, uuid=None, metadata=None)\n--\n\n"
		"An event to append, or a stored event. Immutable.\n\n"
		"Args:\n"
		"    event_type: the type of the event, which queries match (str).\n"
		"    data: the payload, opaque to the store (bytes; other buffers of bytes and sequences of\n"
		"        int are converted).\n"
		"    tags: what the event is about; queries match them (sequence of str).\n"
		"    uuid: identifies the event (str or uuid.UUID), so that a conditional append can be\n"
		"        retried; None for none.\n"
		"    metadata: stored with the event, but not queried (mapping of str to str).\n\n"
		"Raises:\n"
		"    TypeError: if an argument has the wrong type."},
	{Py_tp_new, Event_new},
	{Py_tp_dealloc, free_object},
	{Py_tp_richcompare, Event_compare},
	{Py_tp_hash, Event_hash},
	{Py_tp_repr, Event_repr},
	{Py_tp_getset, Event_getset},
	{Py_tp_methods, Event_methods},
	{0, NULL},
};

SPEC(Event, offsetof(Message, bytes), 1);

static PyMethodDef functions[] = {
	{"_giving_uuid", with_uuid_object, METH_O, NULL},
	{NULL, NULL, 0, NULL},
};

int event_init(PyObject *module)
{
	Event_Type = add_type(module, &Event_spec);
	if (Event_Type == NULL || PyModule_AddFunctions(module, functions) < 0)
		return -1;
	uuid_object_function = PyObject_GetAttrString(module, "_giving_uuid");
	return uuid_object_function ? 0 : -1;
}

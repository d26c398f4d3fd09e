/* Functions shared by the value types. Events and queries are stored as the bytes of their
 * wire messages: an append or a query copies them, a read takes them from the response, and
 * an attribute is decoded when it is accessed. */

#include "values.h"

void free_object(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	PyObject_Free(self);
	Py_DECREF(type);
}

PyObject *message_new(PyTypeObject *type, const uint8_t *bytes, Py_ssize_t size, char uuid_object)
{
	Message *m = PyObject_NewVar(Message, type, size);
	if (m == NULL)
		return NULL;
	m->uuid_object = uuid_object;
	if (size > 0)
		memcpy(m->bytes, bytes, size);
	return (PyObject *)m;
}

/* Returns a value with the written message, whose memory it frees. */
PyObject *message_of(PyTypeObject *type, writer *w)
{
	PyObject *m = w->failed ? PyErr_NoMemory() : message_new(type, w->bytes, w->size, 0);
	free(w->bytes);
	return m;
}

reader reader_of(PyObject *message)
{
	const uint8_t *bytes = ((Message *)message)->bytes;
	reader r = {bytes, bytes + Py_SIZE(message)};
	return r;
}

/* Writes a message as a field of another, and frees its memory. */
void write_message(writer *w, int number, writer *message)
{
	w->failed |= message->failed;
	write_bytes(w, number, message->bytes, message->size);
	free(message->bytes);
}

/* Returns 0, or -1 with an exception if writing ran out of memory. */
int check_written(const writer *w)
{
	if (w->failed)
		PyErr_NoMemory();
	return w->failed ? -1 : 0;
}

/* Writes a string field. An empty string writes nothing unless keep_empty is set. Returns 0,
 * or -1 with an exception. */
int write_text(writer *w, int number, PyObject *text, const char *name, int keep_empty)
{
	Py_ssize_t size;
	if (!PyUnicode_Check(text)) {
		PyErr_Format(PyExc_TypeError, "%s must be str, not %R", name, (PyObject *)Py_TYPE(text));
		return -1;
	}
	const char *bytes = PyUnicode_AsUTF8AndSize(text, &size);
	if (bytes == NULL)
		return -1;
	if (size > 0 || keep_empty)
		write_bytes(w, number, bytes, size);
	return 0;
}

PyObject *tuple_of(PyObject *sequence, const char *name, const char *of)
{
	PyObject *all = NULL, *each = PyUnicode_Check(sequence) ? NULL : PyObject_GetIter(sequence);
	if (each != NULL)
		all = PySequence_Tuple(each);
	else if (!PyErr_Occurred() || PyErr_ExceptionMatches(PyExc_TypeError))
		PyErr_Format(PyExc_TypeError, "%s must be a sequence of %s, not %R", name, of, (PyObject *)Py_TYPE(sequence));
	Py_XDECREF(each);
	return all;
}

/* Writes a string field for each string of a sequence; None writes nothing. Returns 0, or -1
 * with an exception. */
int write_texts(writer *w, int number, PyObject *texts, const char *name)
{
	if (texts == NULL || texts == Py_None)
		return 0;
	PyObject *all = tuple_of(texts, name, "str");
	if (all == NULL)
		return -1;
	int failed = 0;
	Py_ssize_t size = PyTuple_Size(all);
	for (Py_ssize_t i = 0; i < size && !failed; i++)
		failed = write_text(w, number, PyTuple_GetItem(all, i), name, 1);
	Py_DECREF(all);
	return failed;
}

/* Returns a list of the strings in the fields with a number. */
PyObject *texts_of(PyObject *message, uint64_t number)
{
	field f;
	reader r = reader_of(message);
	PyObject *list = PyList_New(0);
	while (list != NULL && next_field(&r, &f) > 0) {
		if (f.number != number || f.type != 2)
			continue;
		PyObject *text = PyUnicode_DecodeUTF8((const char *)f.bytes, f.size, NULL);
		if (text == NULL || PyList_Append(list, text) < 0)
			Py_CLEAR(list);
		Py_XDECREF(text);
	}
	return list;
}

/* Returns the last field with a number; its size is 0 if there is none. */
field find_field(PyObject *message, uint64_t number)
{
	field f, found = {.size = 0, .bytes = NULL};
	reader r = reader_of(message);
	while (next_field(&r, &f) > 0) {
		if (f.number == number && f.type == 2)
			found = f;
	}
	return found;
}

PyObject *not_implemented(void) { return Py_NewRef(Py_NotImplemented); }

int same_bytes(PyObject *a, PyObject *b)
{
	return Py_SIZE(a) == Py_SIZE(b) && memcmp(((Message *)a)->bytes, ((Message *)b)->bytes, Py_SIZE(a)) == 0;
}

PyObject *message_compare(PyObject *a, PyObject *b, int op)
{
	if (Py_TYPE(a) != Py_TYPE(b) || (op != Py_EQ && op != Py_NE))
		return not_implemented();
	return PyBool_FromLong(same_bytes(a, b) == (op == Py_EQ));
}

/* Returns the hash of arguments, such as the tuple of the arguments of a value. It steals
 * the reference. */
Py_hash_t hash_of(PyObject *arguments)
{
	Py_hash_t hash = arguments ? PyObject_Hash(arguments) : -1;
	Py_XDECREF(arguments);
	return hash;
}

Py_hash_t hash_bytes(const uint8_t *bytes, Py_ssize_t size)
{
	return hash_of(PyBytes_FromStringAndSize((const char *)bytes, size));
}

Py_hash_t message_hash(PyObject *self) { return hash_bytes(((Message *)self)->bytes, Py_SIZE(self)); }

/* Returns format % arguments. It steals the reference to the tuple. */
PyObject *repr_of(const char *format, PyObject *arguments)
{
	PyObject *template = arguments ? PyUnicode_FromString(format) : NULL;
	PyObject *text = template ? PyUnicode_Format(template, arguments) : NULL;
	Py_XDECREF(template);
	Py_XDECREF(arguments);
	return text;
}

/* Returns the result of __reduce__, for pickle and copy: the type and its arguments, whose
 * reference it steals. */
PyObject *reduce_to(PyObject *self, PyObject *arguments)
{
	return arguments ? Py_BuildValue("(ON)", (PyObject *)Py_TYPE(self), arguments) : NULL;
}

/* values.c: functions shared by the value types, which are stored as the bytes of their
 * wire messages. */
#ifndef UMADB_VALUES_H
#define UMADB_VALUES_H

#include "native.h"
#include "wire.h"

void free_object(PyObject *self);
PyObject *message_new(PyTypeObject *type, const uint8_t *bytes, Py_ssize_t size, char uuid_object);
PyObject *message_of(PyTypeObject *type, writer *w);
reader reader_of(PyObject *message);
void write_message(writer *w, int number, writer *message);
int check_written(const writer *w);
int write_text(writer *w, int number, PyObject *text, const char *name, int keep_empty);
/* Returns a tuple of the elements of an iterable, or NULL with an exception. A TypeError
 * contains name and of, the type of the elements. */
PyObject *tuple_of(PyObject *sequence, const char *name, const char *of);
int write_texts(writer *w, int number, PyObject *texts, const char *name);
PyObject *texts_of(PyObject *message, uint64_t number);
field find_field(PyObject *message, uint64_t number);
PyObject *not_implemented(void);
int same_bytes(PyObject *a, PyObject *b);
PyObject *message_compare(PyObject *a, PyObject *b, int op);
Py_hash_t hash_of(PyObject *object);
Py_hash_t hash_bytes(const uint8_t *bytes, Py_ssize_t size);
Py_hash_t message_hash(PyObject *self);
PyObject *repr_of(const char *format, PyObject *arguments);
PyObject *reduce_to(PyObject *self, PyObject *arguments);

/* uuid.c */

/* Writes a UUID field: a str, a uuid.UUID, or None, which writes nothing. Returns 0, or -1
 * with an exception. */
int write_uuid(writer *w, int number, PyObject *uuid);
/* Returns a UUID as str or uuid.UUID; None if the field is empty. */
PyObject *uuid_of(const field *f, int as_object);

/* time.c */

/* Returns a time in Unix nanoseconds as a datetime.datetime in UTC, rounded down to
 * microseconds. */
PyObject *datetime_of(int64_t nanoseconds);
/* Converts an aware datetime.datetime to Unix microseconds. Returns 0, or -1 with a TypeError
 * or ValueError that contains name. */
int to_microseconds(PyObject *object, const char *name, int64_t *microseconds);

/* tracking.c */

/* Writes a TrackingInfo field; None writes nothing. Returns 0, or -1 with an exception. */
int write_tracking(writer *w, int number, PyObject *tracking);
/* Returns the TrackingInfo with the given wire message. */
PyObject *tracking_of(const uint8_t *bytes, Py_ssize_t size);

/* Defines the specification of a type whose objects have size bytes, followed by a variable
 * number of items of item bytes each. */
#define SPEC(type, size, item) \
	static PyType_Spec type##_spec = { \
		.name = "umadb." #type, \
		.basicsize = size, \
		.itemsize = item, \
		.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, \
		.slots = type##_slots, \
	}

#endif

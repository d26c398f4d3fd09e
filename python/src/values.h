/* What the kinds of values share: they are kept as the bytes of their wire
 * messages. */
#ifndef UMADB_VALUES_H
#define UMADB_VALUES_H

#include "native.h"
#include "wire.h"

void free_object(PyObject *self);
PyObject *message_new(PyTypeObject *type, const uint8_t *bytes, Py_ssize_t size, char uuid_object);
PyObject *message_of(PyTypeObject *type, writer *w);
reader reader_of(PyObject *message);
void write_part(writer *w, int number, writer *part);
int written(const writer *w);
int write_text(writer *w, int number, PyObject *text, const char *name, int keep_empty);
/* Makes a tuple of a sequence; a TypeError names it and says what it must be of. */
PyObject *tuple_of(PyObject *sequence, const char *name, const char *of);
int write_texts(writer *w, int number, PyObject *texts, const char *name);
PyObject *texts_of(PyObject *message, uint64_t number);
field find(PyObject *message, uint64_t number);
PyObject *not_implemented(void);
int same_bytes(PyObject *a, PyObject *b);
PyObject *message_compare(PyObject *a, PyObject *b, int op);
Py_hash_t hash_of(PyObject *object);
Py_hash_t hash_bytes(const uint8_t *bytes, Py_ssize_t size);
Py_hash_t message_hash(PyObject *self);
PyObject *repr_of(const char *format, PyObject *arguments);
PyObject *reduce_to(PyObject *self, PyObject *arguments);

/* uuid.c */

/* Writes a UUID as a field: None, str or uuid.UUID; -1 with an exception. */
int write_uuid(writer *w, int number, PyObject *uuid);
/* Gives a UUID as str or uuid.UUID, None for one of no size. */
PyObject *uuid_of(const field *f, int as_object);

/* tracking.c */

/* Writes a TrackingInfo as a field, nothing for None; -1 with an exception. */
int write_tracking(writer *w, int number, PyObject *tracking);
/* Makes a TrackingInfo of the bytes of one. */
PyObject *tracking_of(const uint8_t *bytes, Py_ssize_t size);

/* The specification of a type whose parts lie from an offset on, with items of a
 * size behind them. */
#define SPEC(type, at, item) \
	static PyType_Spec type##_spec = { \
		.name = "umadb." #type, \
		.basicsize = at, \
		.itemsize = item, \
		.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, \
		.slots = type##_slots, \
	}

int event_init(PyObject *module);
int query_init(PyObject *module);
int tracking_init(PyObject *module);
int sequenced_init(PyObject *module);

#endif

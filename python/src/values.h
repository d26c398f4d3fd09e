/* What the kinds of values share: they are kept as the bytes of their wire
 * messages. */
#ifndef UMADB_VALUES_H
#define UMADB_VALUES_H

#include "native.h"
#include "wire.h"

/* Field numbers, as in proto/umadb/v1/umadb.proto, of messages that more than one
 * file knows. */
enum {
	TRACKING_SOURCE = 1,
	TRACKING_POSITION = 2,
};

void free_object(PyObject *self);
PyObject *message_new(PyTypeObject *type, const uint8_t *bytes, Py_ssize_t size, char uuid_object);
PyObject *message_of(PyTypeObject *type, writer *w);
reader reader_of(PyObject *message);
int write_text(writer *w, int number, PyObject *text, const char *name, int keep_empty);
int write_texts(writer *w, int number, PyObject *texts, const char *name);
PyObject *texts_of(PyObject *message, uint64_t number);
field find(PyObject *message, uint64_t number);
PyObject *not_implemented(void);
int same_bytes(PyObject *a, PyObject *b);
PyObject *message_compare(PyObject *a, PyObject *b, int op);
Py_hash_t hash_bytes(const uint8_t *bytes, Py_ssize_t size);
Py_hash_t message_hash(PyObject *self);
PyObject *repr_of(const char *format, PyObject *arguments);
PyObject *reduce_to(PyObject *self, PyObject *arguments);

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
int sequenced_init(PyObject *module);

#endif

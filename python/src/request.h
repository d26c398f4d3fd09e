/* request.c: encodes the requests of a connection. Every function returns 0, or -1 with
 * an exception. */
#ifndef UMADB_REQUEST_H
#define UMADB_REQUEST_H

#include "values.h"

int write_append(writer *w, PyObject *events, PyObject *condition, PyObject *tracking);
int write_read(writer *w, PyObject *query, PyObject *start, int backwards, PyObject *limit);
/* after is the position before the first one; with as_read, it is the first one. */
int write_subscribe(writer *w, PyObject *query, PyObject *after, int as_read);

/* bounds is an iterable of positions, of which None is 0. */
int write_count(writer *w, PyObject *query, PyObject *bounds);

/* The numbers of the batch_size fields. */
enum {
	READ_BATCH_SIZE = 6,
	SUBSCRIBE_BATCH_SIZE = 3,
};

/* Ends a read or subscription with its batch size; 0 writes nothing. */
int write_batch_size(writer *w, int number, unsigned int size);

#endif

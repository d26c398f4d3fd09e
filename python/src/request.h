/* request.c: encodes the requests of a connection. Every function returns 0, or -1 with
 * an exception. */
#ifndef UMADB_REQUEST_H
#define UMADB_REQUEST_H

#include "values.h"

int write_append(writer *w, PyObject *events, PyObject *condition, PyObject *tracking);
int write_read(writer *w, PyObject *query, PyObject *start, int backwards, PyObject *limit);
/* after is the position before the first one; with as_read, it is the first one. */
int write_subscribe(writer *w, PyObject *query, PyObject *after, int as_read);

#endif

/* request.c: what a connection is asked, as the bytes of the requests. Every
 * function gives 0, or -1 with an exception. */
#ifndef UMADB_REQUEST_H
#define UMADB_REQUEST_H

#include "values.h"

int write_append(writer *w, PyObject *events, PyObject *condition, PyObject *tracking);
int write_read(writer *w, PyObject *query, PyObject *start, int backwards, PyObject *limit);
/* after is the position before the first, or with as_read the first itself, as of a read. */
int write_subscribe(writer *w, PyObject *query, PyObject *after, int as_read);

#endif

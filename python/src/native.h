/* What the parts of the extension share. Everything is guarded by the GIL, unless
 * it says otherwise. */
#ifndef UMADB_NATIVE_H
#define UMADB_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>

#include "../binding/binding.h"

/* golib.c: the Go library, loaded by the first connection. */

/* The functions of the library; exports.go describes them. */
typedef struct {
	int32_t (*init)(int64_t size_of_exchange);
	void (*begin)(umadb_exchange *);
	void (*step)(umadb_exchange *, int32_t bounded);
	void (*forget)(uint64_t connection);
	uint64_t (*notifier)(int32_t fd);
	void (*close_notifier)(uint64_t notifier);
	int32_t (*main)(char **args, int32_t count);
	int controls; /* the control pipe, which umadb_init gave */
} golib;

extern golib go;

/* Sets the path of the library. */
PyObject *golib_set_path(PyObject *module, PyObject *path);
/* Loads the library unless it is; -1 with an exception if that cannot be. */
int golib_load(void);
/* Tells whether Go may be called: it is loaded, and this is the process that
 * loaded it. Without an exception, for finalizers. */
int golib_alive(void);
/* Likewise; 0, or -1 with an exception. */
int golib_check(void);
/* Looks after signals in the middle of a call, whose handlers may fork; -1 with an
 * exception if the call cannot go on. */
int golib_go_on(void);
enum { MICROSECOND = 1000, MILLISECOND = 1000 * MICROSECOND, SECOND = 1000 * MILLISECOND };
#define FOREVER INT64_MAX
/* How many ns a thread may wait before it checks for signals: FOREVER, except on the
 * main thread. */
int64_t golib_patience(void);

/* interpreter.c */

/* Reads an unsigned integer of at most so many bits; -1 with a ValueError or
 * TypeError that names it. */
int to_unsigned(PyObject *object, const char *name, int bits, uint64_t *out);
/* For PyArg_Parse: reads a timeout in seconds into ns (int64_t *); None is 0, no limit. */
int to_timeout(PyObject *object, void *out);
/* Adds a type made from a spec to the module; NULL with an exception. */
PyTypeObject *add_type(PyObject *module, PyType_Spec *spec);

/* values.c: the immutable values, kept as the bytes of their wire messages. */

extern PyTypeObject *Event_Type, *SequencedEvent_Type, *Query_Type, *QueryItem_Type, *AppendCondition_Type, *TrackingInfo_Type;

typedef struct {
	PyObject_VAR_HEAD
	char uuid_object; /* of an event: its UUID is given as uuid.UUID */
	uint8_t bytes[];
} Message;

typedef struct {
	PyObject_HEAD
	PyObject *query;
	uint64_t after;
	char has_after;
} AppendCondition;

typedef struct {
	PyObject_HEAD
	PyObject *source; /* str */
	uint64_t position;
} TrackingInfo;

int values_init(PyObject *module);
/* Makes a SequencedEvent of the bytes of one. */
PyObject *sequenced_new(const uint8_t *bytes, Py_ssize_t size, char uuid_object);

/* connection.c: an open store. */

typedef struct {
	PyObject_HEAD
	uint64_t handle;
	char local;        /* in this process */
	_Atomic char near; /* a server that answered within NEAR; set without the GIL */
	char closed;
	char uuid_object;  /* for the events that are read */
} Connection;

int connection_init(PyObject *module);

/* call.c: calls with one answer. */

int call_init(PyObject *module);
/* Makes a call and waits for its answer; with a notifier, gives a Call instead. It
 * takes over the request, which malloc made. */
PyObject *call_make(Connection *c, int32_t method, void *request, Py_ssize_t size, int64_t timeout, uint64_t notifier);

/* stream.c, response.c: what a read, a subscription or a health watch gives. */

extern PyTypeObject *ReadResponse_Type, *Subscription_Type;

int response_init(PyObject *module);
/* Makes a stream of a type; it takes over the request, which malloc made. limit is how
 * many events to give, negative for all. timeout, unless it is 0, bounds a read as a whole,
 * and each wait for what is to come. */
PyObject *stream_new(PyTypeObject *type, Connection *c, int32_t method, void *request, Py_ssize_t size, int64_t limit, int64_t timeout);
/* Ends every stream of the process. */
PyObject *cancel_all(PyObject *module, PyObject *none);

/* command.c */

/* Runs the command line, given as a tuple of words (bytes), and gives its exit code. */
PyObject *command_main(PyObject *module, PyObject *args);

/* notifier.c: where an event loop is told what has an answer. */

int notifier_init(PyObject *module);
/* For PyArg_Parse: gives the handle of a Notifier. */
int to_notifier(PyObject *object, void *handle);

/* errors.c */

extern PyObject *CancelledByUserError, *TransportError;

/* Raises TimeoutExpired. Always -1. */
int raise_timeout(void);

int errors_init(PyObject *module);
/* Raises what a result tells, and frees its bytes. Always NULL. */
PyObject *raise_result(umadb_answer *result);
/* Likewise, and keeps the bytes. */
PyObject *raise_kept(const umadb_answer *result);

#endif

/* Declarations shared by the files of the extension. The GIL guards everything, unless
 * stated otherwise. */
#ifndef UMADB_NATIVE_H
#define UMADB_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>

#include "../binding/binding.h"

/* golib.c: the Go library, loaded by the first connection. */

/* The functions of the library; binding/exports.go documents them. */
typedef struct {
	int32_t (*init)(int64_t size_of_exchange);
	void (*begin)(umadb_exchange *);
	void (*step)(umadb_exchange *, int32_t bounded);
	void (*free_connection)(uint64_t connection);
	uint64_t (*notifier)(int32_t fd);
	void (*close_notifier)(uint64_t notifier);
	int32_t (*main)(char **args, int32_t count);
	int controls; /* write end of the control pipe, returned by umadb_init */
} golib;

extern golib go;

/* Sets the path of the library. */
PyObject *golib_set_path(PyObject *module, PyObject *path);
/* Loads the library unless it is loaded. Returns 0, or -1 with an exception. */
int golib_load(void);
/* Reports whether Go can be called: the library is loaded, and this is the process that
 * loaded it. Sets no exception, for use in finalizers. */
int golib_usable(void);
/* Returns -1 with an exception if this process was forked from the one that loaded the
 * library, else 0. */
int golib_check(void);
/* Runs pending signal handlers during a call. Returns -1 with an exception if the call must
 * end: a handler raised, or this is a child that a handler has forked. */
int golib_check_signals(void);
enum { MICROSECOND = 1000, MILLISECOND = 1000 * MICROSECOND, SECOND = 1000 * MILLISECOND };
#define FOREVER INT64_MAX
/* Returns how long the thread may wait between checks for signals, in ns: FOREVER, except
 * on the main thread. */
int64_t golib_signal_interval(void);

/* interpreter.c */

/* Converts an int to an unsigned integer of the given number of bits. Returns 0, or -1 with
 * a ValueError or TypeError that contains name. */
int to_unsigned(PyObject *object, const char *name, int bits, uint64_t *out);
/* Converter for PyArg_Parse: converts a timeout in seconds to ns (int64_t *). None is 0,
 * no limit. */
int to_timeout(PyObject *object, void *out);
/* Creates a type from its spec and adds it to the module. Returns NULL with an exception on
 * an error. */
PyTypeObject *add_type(PyObject *module, PyType_Spec *spec);

/* event.c, query.c, tracking.c, time.c, sequenced.c: the immutable values. */

extern PyTypeObject *Event_Type, *SequencedEvent_Type, *Query_Type, *QueryItem_Type, *AppendCondition_Type, *TrackingInfo_Type;

typedef struct {
	PyObject_VAR_HEAD
	char uuid_object; /* for an Event: its uuid is a uuid.UUID */
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

int event_init(PyObject *module);
int query_init(PyObject *module);
int tracking_init(PyObject *module);
int time_init(PyObject *module);
int sequenced_init(PyObject *module);
/* The recorded_at of a SequencedEvent that has none. */
#define NO_TIME INT64_MIN
/* Returns a SequencedEvent with the given wire message. recorded_at is in Unix nanoseconds. */
PyObject *sequenced_new(const uint8_t *bytes, Py_ssize_t size, char uuid_object, int64_t recorded_at);

/* connection.c: an open store. */

typedef struct {
	PyObject_HEAD
	uint64_t handle;
	unsigned int batch_size; /* 0 for the default */
	char local;        /* an embedded store */
	_Atomic char near; /* the last answer of the server came within NEAR; set without the GIL */
	char closed;
	char uuid_object;  /* events read through it have a uuid.UUID */
} Connection;

int connection_init(PyObject *module);

/* call.c: calls with one answer. */

int call_init(PyObject *module);
/* Makes a call and returns its answer; with a notifier, it does not wait and returns a
 * Call. It takes ownership of the request, which malloc allocated. */
PyObject *call_make(Connection *c, int32_t method, void *request, Py_ssize_t size, int64_t timeout, uint64_t notifier);

/* stream.c, progress.c, response.c: the results of reads, subscriptions and health watches. */

extern PyTypeObject *ReadResponse_Type, *Subscription_Type;

int response_init(PyObject *module);
/* Returns a new stream of a type. It takes ownership of the request, which malloc allocated.
 * limit is the maximum number of events to return, negative for no limit. timeout, in ns,
 * bounds a read as a whole, and each wait of another stream; 0 is no limit. */
PyObject *stream_new(PyTypeObject *type, Connection *c, int32_t method, void *request, Py_ssize_t size, int64_t limit, int64_t timeout);
/* Sets the functions that a new subscription calls when it has moved, with its progress, and
 * when it has caught up, without arguments. None is no function. */
void subscription_set_callbacks(PyObject *subscription, PyObject *on_progress, PyObject *on_caught_up);
/* Sets the type of the progress of a subscription, which is called with two positions. */
PyObject *set_progress_type(PyObject *module, PyObject *type);
/* Cancels every stream of the process. */
PyObject *cancel_all(PyObject *module, PyObject *none);

/* command.c */

/* Runs the command line with a tuple of arguments (bytes) and returns its exit code. */
PyObject *command_main(PyObject *module, PyObject *args);

/* notifier.c: notifies an event loop of answers. */

int notifier_init(PyObject *module);
/* Converter for PyArg_Parse: converts a Notifier to its handle (uint64_t *). */
int to_notifier(PyObject *object, void *handle);

/* errors.c */

extern PyObject *CancelledByUserError, *TransportError;

/* Raises TimeoutExpired. Always returns -1. */
int raise_timeout(void);

int errors_init(PyObject *module);
/* Raises the exception for an error and frees its bytes. Always returns NULL. */
PyObject *raise_and_free(umadb_answer *result);
/* Raises the exception for an error, whose bytes it does not free. Always returns NULL. */
PyObject *raise_error(const umadb_answer *result);

#endif

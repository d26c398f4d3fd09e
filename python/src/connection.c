/* A connection: an open store, and the calls that have one answer. */

#include "native.h"
#include "wire.h"

/* Numbers of the fields of AppendRequest, ReadRequest and SubscribeRequest. */
enum {
	APPEND_EVENTS = 1,
	APPEND_CONDITION = 2,
	APPEND_TRACKING = 3,
	CONDITION_QUERY = 1,
	CONDITION_AFTER = 2,
	TRACKING_SOURCE = 1,
	TRACKING_POSITION = 2,
	READ_QUERY = 1,
	READ_START = 2,
	READ_BACKWARDS = 3,
	READ_LIMIT = 4,
	SUBSCRIBE_QUERY = 1,
	SUBSCRIBE_AFTER = 2,
};

static PyTypeObject *Connection_Type, *Call_Type;

/* A call that is waited for elsewhere, by an event loop. */
typedef struct {
	PyObject_HEAD
	PyObject *connection;
	uintptr_t handle; /* 0 once it has ended */
	int32_t method;
} Call;

/* The answer of a call as an object. */
static PyObject *answer(int32_t method, umadb_result *result)
{
	if (result->kind == UMADB_CANCELLED) {
		free(result->bytes);
		PyErr_SetString(PyExc_RuntimeError, "the client is closed");
		return NULL;
	}
	if (result->kind != UMADB_OK)
		return raise_result(result);
	free(result->bytes);
	if (!result->present || method == UMADB_CLOSE)
		Py_RETURN_NONE;
	return PyLong_FromUnsignedLongLong(result->number);
}

/* Waits for a call in pieces; -1 with an exception if a signal handler raised
 * one: then the call is given up. */
static int wait_for(uintptr_t handle, umadb_result *result)
{
	while (handle != 0) {
		if (PyErr_CheckSignals() < 0) {
			go.drop(handle);
			return -1;
		}
		Py_BEGIN_ALLOW_THREADS
		handle = go.wait(handle, 50, result);
		Py_END_ALLOW_THREADS
	}
	return 0;
}

static PyObject *call(Connection *c, int32_t method, const void *request, Py_ssize_t size)
{
	umadb_result result;
	uintptr_t handle;
	if (golib_check() < 0)
		return NULL;
	int32_t wait = c->local ? UMADB_FOREVER : golib_patience();
	Py_BEGIN_ALLOW_THREADS
	handle = go.call(c->handle, method, request, size, wait, 0, &result);
	Py_END_ALLOW_THREADS
	if (wait_for(handle, &result) < 0)
		return NULL;
	return answer(method, &result);
}

/* Makes a call that has not begun. */
static Call *call_new(PyObject *connection, int32_t method)
{
	Call *started = PyObject_New(Call, Call_Type);
	if (started == NULL)
		return NULL;
	started->connection = Py_NewRef(connection);
	started->method = method;
	started->handle = 0;
	return started;
}

static PyObject *start(Connection *c, int32_t method, const void *request, Py_ssize_t size, uintptr_t notifier)
{
	umadb_result result;
	if (golib_check() < 0)
		return NULL;
	Call *started = call_new((PyObject *)c, method);
	if (started != NULL)
		started->handle = go.call(c->handle, method, request, size, 0, notifier, &result);
	return (PyObject *)started;
}

/* What a connection is made with. */
typedef struct {
	const char *url, *ca, *key;
	unsigned int batch;
	int uuid_object;
} opening;

/* Makes a connection that is not open yet. */
static Connection *connection_new(const opening *o)
{
	Connection *c = PyObject_New(Connection, Connection_Type);
	if (c == NULL)
		return NULL;
	c->handle = 0;
	c->closed = 0;
	c->local = strncmp(o->url, "file:", 5) == 0;
	c->uuid_object = o->uuid_object;
	return c;
}

static PyObject *connect(PyObject *module, PyObject *args)
{
	opening o;
	(void)module;
	if (!PyArg_ParseTuple(args, "sssIp", &o.url, &o.ca, &o.key, &o.batch, &o.uuid_object) || golib_load() < 0)
		return NULL;
	Connection *c = connection_new(&o);
	if (c == NULL)
		return NULL;
	umadb_result result;
	uintptr_t handle;
	int32_t wait = golib_patience();
	Py_BEGIN_ALLOW_THREADS
	handle = go.open(o.url, o.ca, o.key, o.batch, wait, 0, &result);
	Py_END_ALLOW_THREADS
	if (wait_for(handle, &result) < 0 || (result.kind != UMADB_OK && !raise_result(&result))) {
		Py_DECREF(c);
		return NULL;
	}
	c->handle = (uintptr_t)result.number;
	return (PyObject *)c;
}

/* Likewise for event loops; the call gives the connection. */
static PyObject *start_connect(PyObject *module, PyObject *args)
{
	opening o;
	uintptr_t notifier;
	(void)module;
	if (!PyArg_ParseTuple(args, "sssIpO&", &o.url, &o.ca, &o.key, &o.batch, &o.uuid_object, to_notifier, &notifier) || golib_check() < 0)
		return NULL;
	Connection *c = connection_new(&o);
	Call *started = c ? call_new((PyObject *)c, UMADB_OPEN) : NULL;
	Py_XDECREF(c);
	umadb_result result;
	if (started != NULL)
		started->handle = go.open(o.url, o.ca, o.key, o.batch, 0, notifier, &result);
	return (PyObject *)started;
}

/* Writes an AppendRequest; -1 with an exception. */
static int write_append(writer *w, PyObject *events, PyObject *condition, PyObject *tracking)
{
	if (PyUnicode_Check(events) || !(events = PySequence_Tuple(events))) {
		if (!PyErr_Occurred())
			PyErr_SetString(PyExc_TypeError, "events must be a sequence of Event");
		return -1;
	}
	for (Py_ssize_t i = 0; i < PyTuple_Size(events); i++) {
		PyObject *event = PyTuple_GetItem(events, i);
		if (Py_TYPE(event) != Event_Type) {
			PyErr_Format(PyExc_TypeError, "events[%zd] must be an Event, not %R", i, (PyObject *)Py_TYPE(event));
			Py_DECREF(events);
			return -1;
		}
		write_bytes(w, APPEND_EVENTS, ((Message *)event)->bytes, Py_SIZE(event));
	}
	Py_DECREF(events);
	if (condition != Py_None) {
		if (Py_TYPE(condition) != AppendCondition_Type) {
			PyErr_Format(PyExc_TypeError, "condition must be an AppendCondition or None, not %R", (PyObject *)Py_TYPE(condition));
			return -1;
		}
		AppendCondition *c = (AppendCondition *)condition;
		writer part = {0};
		write_bytes(&part, CONDITION_QUERY, ((Message *)c->query)->bytes, Py_SIZE(c->query));
		if (c->has_after)
			write_number(&part, CONDITION_AFTER, c->after);
		w->failed |= part.failed;
		write_bytes(w, APPEND_CONDITION, part.bytes, part.size);
		free(part.bytes);
	}
	if (tracking != Py_None) {
		if (Py_TYPE(tracking) != TrackingInfo_Type) {
			PyErr_Format(PyExc_TypeError, "tracking_info must be a TrackingInfo or None, not %R", (PyObject *)Py_TYPE(tracking));
			return -1;
		}
		TrackingInfo *t = (TrackingInfo *)tracking;
		Py_ssize_t size;
		const char *source = PyUnicode_AsUTF8AndSize(t->source, &size);
		if (source == NULL)
			return -1;
		writer part = {0};
		write_bytes(&part, TRACKING_SOURCE, source, size);
		write_number(&part, TRACKING_POSITION, t->position);
		w->failed |= part.failed;
		write_bytes(w, APPEND_TRACKING, part.bytes, part.size);
		free(part.bytes);
	}
	if (w->failed) {
		PyErr_NoMemory();
		return -1;
	}
	return 0;
}

static PyObject *Connection_append(Connection *c, PyObject *args)
{
	PyObject *events, *condition, *tracking, *result = NULL;
	if (!PyArg_ParseTuple(args, "OOO", &events, &condition, &tracking))
		return NULL;
	writer w = {0};
	if (write_append(&w, events, condition, tracking) == 0)
		result = call(c, UMADB_APPEND, w.bytes, w.size);
	free(w.bytes);
	return result;
}

static PyObject *Connection_start_append(Connection *c, PyObject *args)
{
	PyObject *events, *condition, *tracking, *result = NULL;
	uintptr_t notifier;
	if (!PyArg_ParseTuple(args, "OOOO&", &events, &condition, &tracking, to_notifier, &notifier))
		return NULL;
	writer w = {0};
	if (write_append(&w, events, condition, tracking) == 0)
		result = start(c, UMADB_APPEND, w.bytes, w.size, notifier);
	free(w.bytes);
	return result;
}

static PyObject *Connection_call(Connection *c, PyObject *args)
{
	int method;
	PyObject *text;
	Py_ssize_t size;
	if (!PyArg_ParseTuple(args, "iU", &method, &text))
		return NULL;
	const char *request = PyUnicode_AsUTF8AndSize(text, &size);
	return request ? call(c, method, request, size) : NULL;
}

static PyObject *Connection_start(Connection *c, PyObject *args)
{
	int method;
	PyObject *text;
	Py_ssize_t size;
	uintptr_t notifier;
	if (!PyArg_ParseTuple(args, "iUO&", &method, &text, to_notifier, &notifier))
		return NULL;
	const char *request = PyUnicode_AsUTF8AndSize(text, &size);
	return request ? start(c, method, request, size, notifier) : NULL;
}

/* Writes a query that may be None; -1 with an exception. */
static int write_query(writer *w, int number, PyObject *query)
{
	if (query == Py_None)
		return 0;
	if (Py_TYPE(query) != Query_Type) {
		PyErr_Format(PyExc_TypeError, "query must be a Query or None, not %R", (PyObject *)Py_TYPE(query));
		return -1;
	}
	write_bytes(w, number, ((Message *)query)->bytes, Py_SIZE(query));
	return 0;
}

static PyObject *open_stream(Connection *c, PyTypeObject *type, int32_t method, writer *w, int64_t limit)
{
	if (w->failed)
		return PyErr_NoMemory();
	if (golib_check() < 0)
		return NULL;
	uintptr_t handle;
	Py_BEGIN_ALLOW_THREADS
	handle = go.stream(c->handle, method, (const char *)w->bytes, w->size);
	Py_END_ALLOW_THREADS
	return stream_new(type, (PyObject *)c, handle, limit, method != UMADB_READ);
}

static PyObject *Connection_read(Connection *c, PyObject *args)
{
	PyObject *query, *start, *limit, *result = NULL;
	int backwards;
	uint64_t number;
	if (!PyArg_ParseTuple(args, "OOpO", &query, &start, &backwards, &limit))
		return NULL;
	writer w = {0};
	if (write_query(&w, READ_QUERY, query) < 0)
		goto end;
	if (start != Py_None) {
		if (to_unsigned(start, "start", 64, &number) < 0)
			goto end;
		write_number(&w, READ_START, number);
	}
	if (backwards)
		write_number(&w, READ_BACKWARDS, 1);
	if (limit != Py_None) {
		if (to_unsigned(limit, "limit", 32, &number) < 0)
			goto end;
		write_number(&w, READ_LIMIT, number);
	}
	result = open_stream(c, ReadResponse_Type, UMADB_READ, &w, -1);
end:
	free(w.bytes);
	return result;
}

static PyObject *Connection_subscribe(Connection *c, PyObject *args)
{
	PyObject *query, *after, *limit, *result = NULL;
	int as_read;
	uint64_t number, left = 0;
	if (!PyArg_ParseTuple(args, "OOOp", &query, &after, &limit, &as_read))
		return NULL;
	writer w = {0};
	if (write_query(&w, SUBSCRIBE_QUERY, query) < 0)
		goto end;
	if (after != Py_None) {
		if (to_unsigned(after, "after", 64, &number) < 0)
			goto end;
		write_number(&w, SUBSCRIBE_AFTER, number);
	}
	if (limit != Py_None && to_unsigned(limit, "limit", 32, &left) < 0)
		goto end;
	result = open_stream(c, as_read ? ReadResponse_Type : Subscription_Type, UMADB_SUBSCRIBE, &w, limit == Py_None ? -1 : (int64_t)left);
end:
	free(w.bytes);
	return result;
}

static PyObject *Connection_watch_health(Connection *c, PyObject *args)
{
	PyObject *text;
	Py_ssize_t size;
	if (!PyArg_ParseTuple(args, "U", &text))
		return NULL;
	const char *service = PyUnicode_AsUTF8AndSize(text, &size);
	if (service == NULL)
		return NULL;
	writer w = {(uint8_t *)service, size, size, 0};
	return open_stream(c, Subscription_Type, UMADB_WATCH_HEALTH, &w, -1);
}

static PyObject *Connection_close(Connection *c, PyObject *none)
{
	(void)none;
	if (c->closed)
		Py_RETURN_NONE;
	c->closed = 1;
	if (!golib_alive()) /* a forked child has nothing to close */
		Py_RETURN_NONE;
	return call(c, UMADB_CLOSE, NULL, 0);
}

/* Likewise for event loops: a call, or None if there is nothing to wait for. */
static PyObject *Connection_start_close(Connection *c, PyObject *args)
{
	uintptr_t notifier;
	if (!PyArg_ParseTuple(args, "O&", to_notifier, &notifier))
		return NULL;
	if (c->closed)
		Py_RETURN_NONE;
	c->closed = 1;
	return start(c, UMADB_CLOSE, NULL, 0, notifier);
}

static void Connection_dealloc(Connection *c)
{
	PyTypeObject *type = Py_TYPE(c);
	if (c->handle != 0 && golib_alive()) {
		Py_BEGIN_ALLOW_THREADS
		go.forget(c->handle);
		Py_END_ALLOW_THREADS
	}
	PyObject_Free(c);
	Py_DECREF(type);
}

static PyMethodDef Connection_methods[] = {
	{"append", (PyCFunction)Connection_append, METH_VARARGS, NULL},
	{"start_append", (PyCFunction)Connection_start_append, METH_VARARGS, NULL},
	{"call", (PyCFunction)Connection_call, METH_VARARGS, NULL},
	{"start", (PyCFunction)Connection_start, METH_VARARGS, NULL},
	{"read", (PyCFunction)Connection_read, METH_VARARGS, NULL},
	{"subscribe", (PyCFunction)Connection_subscribe, METH_VARARGS, NULL},
	{"watch_health", (PyCFunction)Connection_watch_health, METH_VARARGS, NULL},
	{"close", (PyCFunction)Connection_close, METH_NOARGS, NULL},
	{"start_close", (PyCFunction)Connection_start_close, METH_VARARGS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyType_Slot Connection_slots[] = {
	{Py_tp_doc, "An open store. Made by connect."},
	{Py_tp_dealloc, Connection_dealloc},
	{Py_tp_methods, Connection_methods},
	{0, NULL},
};

static PyType_Spec Connection_spec = {
	.name = "umadb._native.Connection",
	.basicsize = sizeof(Connection),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.slots = Connection_slots,
};

static PyObject *Call_finish(Call *c, PyObject *none)
{
	umadb_result result;
	(void)none;
	if (golib_check() < 0)
		return NULL;
	if (c->handle == 0 || go.wait(c->handle, 0, &result) != 0) {
		PyErr_SetString(PyExc_RuntimeError, c->handle ? "the call has not ended" : "the call's answer has been taken");
		return NULL;
	}
	c->handle = 0;
	if (c->method != UMADB_OPEN || result.kind != UMADB_OK)
		return answer(c->method, &result);
	((Connection *)c->connection)->handle = (uintptr_t)result.number;
	return Py_NewRef(c->connection);
}

static PyObject *Call_handle(Call *c, void *closure)
{
	(void)closure;
	return PyLong_FromUnsignedLongLong(c->handle);
}

static void Call_dealloc(Call *c)
{
	PyTypeObject *type = Py_TYPE(c);
	if (c->handle != 0 && golib_alive())
		go.drop(c->handle);
	Py_DECREF(c->connection);
	PyObject_Free(c);
	Py_DECREF(type);
}

static PyMethodDef Call_methods[] = {
	{"finish", (PyCFunction)Call_finish, METH_NOARGS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyGetSetDef Call_getset[] = {
	{"handle", (getter)Call_handle, NULL, NULL, NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot Call_slots[] = {
	{Py_tp_doc, "A call under way. Freeing it gives the call up."},
	{Py_tp_dealloc, Call_dealloc},
	{Py_tp_methods, Call_methods},
	{Py_tp_getset, Call_getset},
	{0, NULL},
};

static PyType_Spec Call_spec = {
	.name = "umadb._native.Call",
	.basicsize = sizeof(Call),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.slots = Call_slots,
};

/* Runs the command line and gives its exit code. */
static PyObject *run_main(PyObject *module, PyObject *args)
{
	PyObject *words;
	(void)module;
	if (!PyArg_ParseTuple(args, "O!", &PyTuple_Type, &words) || golib_load() < 0)
		return NULL;
	Py_ssize_t count = PyTuple_Size(words);
	char **argv = calloc(count + 1, sizeof *argv);
	if (argv == NULL)
		return PyErr_NoMemory();
	for (Py_ssize_t i = 0; i < count; i++) {
		argv[i] = (char *)PyUnicode_AsUTF8AndSize(PyTuple_GetItem(words, i), NULL);
		if (argv[i] == NULL) {
			free(argv);
			return NULL;
		}
	}
	int32_t code;
	Py_BEGIN_ALLOW_THREADS
	code = go.main(argv, (int32_t)count);
	Py_END_ALLOW_THREADS
	free(argv);
	return PyLong_FromLong(code);
}

static PyMethodDef functions[] = {
	{"connect", connect, METH_VARARGS, NULL},
	{"start_connect", start_connect, METH_VARARGS, NULL},
	{"main", run_main, METH_VARARGS, NULL},
	{NULL, NULL, 0, NULL},
};

int connection_init(PyObject *module)
{
	Connection_Type = add_type(module, &Connection_spec);
	Call_Type = add_type(module, &Call_spec);
	if (Connection_Type == NULL || Call_Type == NULL)
		return -1;
	return PyModule_AddFunctions(module, functions);
}

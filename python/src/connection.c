/* Connections to open stores. With a notifier as its last argument, a method that would
 * wait returns a Call for an event loop. */

#include "request.h"

#include <stdlib.h>

static PyTypeObject *Connection_Type;

/* Returns a copy of a text in memory from malloc, for a request; NULL with an exception. */
static char *copy_text(const char *text, Py_ssize_t size)
{
	char *bytes = malloc(size + 1);
	if (bytes == NULL)
		PyErr_NoMemory();
	else
		memcpy(bytes, text, size);
	return bytes;
}

static PyObject *connect(PyObject *module, PyObject *args)
{
	const char *url, *ca, *key, *client_cert, *client_key;
	unsigned int batch_size;
	int uuid_object;
	uint64_t notifier = 0;
	(void)module;
	if (!PyArg_ParseTuple(args, "sssssIp|O&", &url, &ca, &key, &client_cert, &client_key, &batch_size, &uuid_object, to_notifier, &notifier) || golib_load() < 0)
		return NULL;
	PyObject *request = PyBytes_FromFormat("%s%c%s%c%s%c%s%c%s", url, 0, ca, 0, key, 0, client_cert, 0, client_key);
	Py_ssize_t size = request ? PyBytes_Size(request) : 0;
	char *bytes = request ? copy_text(PyBytes_AsString(request), size) : NULL;
	Py_XDECREF(request);
	Connection *c = bytes ? PyObject_New(Connection, Connection_Type) : NULL;
	if (c == NULL) {
		free(bytes);
		return NULL;
	}
	c->handle = 0;
	c->batch_size = batch_size;
	c->closed = 0;
	c->near = 0;
	c->local = strncmp(url, "file:", 5) == 0 || strncmp(url, "memory:", 7) == 0;
	c->uuid_object = uuid_object;
	PyObject *result = call_make(c, UMADB_OPEN, bytes, size, 0, notifier);
	Py_DECREF((PyObject *)c);
	return result;
}

static PyObject *Connection_append(Connection *c, PyObject *args)
{
	PyObject *events, *condition, *tracking;
	int64_t timeout;
	uint64_t notifier = 0;
	if (!PyArg_ParseTuple(args, "OOOO&|O&", &events, &condition, &tracking, to_timeout, &timeout, to_notifier, &notifier))
		return NULL;
	writer w = {0};
	if (write_append(&w, events, condition, tracking) < 0) {
		free(w.bytes);
		return NULL;
	}
	return call_make(c, UMADB_APPEND, w.bytes, w.size, timeout, notifier);
}

/* Makes a call whose request is a string. */
static PyObject *Connection_call(Connection *c, PyObject *args)
{
	int method;
	PyObject *text;
	int64_t timeout;
	uint64_t notifier = 0;
	Py_ssize_t size;
	if (!PyArg_ParseTuple(args, "iUO&|O&;the name of a source or service must be str", &method, &text, to_timeout, &timeout, to_notifier, &notifier))
		return NULL;
	const char *bytes = PyUnicode_AsUTF8AndSize(text, &size);
	char *request = bytes ? copy_text(bytes, size) : NULL;
	return request ? call_make(c, method, request, size, timeout, notifier) : NULL;
}

static PyObject *Connection_close(Connection *c, PyObject *args)
{
	uint64_t notifier = 0;
	if (!PyArg_ParseTuple(args, "|O&", to_notifier, &notifier))
		return NULL;
	if (c->closed)
		Py_RETURN_NONE;
	c->closed = 1;
	if (!golib_usable()) /* nothing to close in a forked child */
		Py_RETURN_NONE;
	return call_make(c, UMADB_CLOSE, NULL, 0, 0, notifier);
}

static PyObject *Connection_read(Connection *c, PyObject *args)
{
	PyObject *query, *start, *limit;
	int backwards;
	int64_t timeout;
	if (!PyArg_ParseTuple(args, "OOpOO&", &query, &start, &backwards, &limit, to_timeout, &timeout))
		return NULL;
	writer w = {0};
	if (write_read(&w, query, start, backwards, limit) < 0 || write_batch_size(&w, READ_BATCH_SIZE, c->batch_size) < 0) {
		free(w.bytes);
		return NULL;
	}
	return stream_new(ReadResponse_Type, c, UMADB_READ, w.bytes, w.size, -1, timeout);
}

static PyObject *Connection_subscribe(Connection *c, PyObject *args)
{
	PyObject *query, *after, *limit, *on_progress = Py_None, *on_caught_up = Py_None;
	int as_read, resume;
	int64_t timeout;
	uint64_t max = 0;
	if (!PyArg_ParseTuple(args, "OOOppO&|OO", &query, &after, &limit, &as_read, &resume, to_timeout, &timeout, &on_progress, &on_caught_up) || (limit != Py_None && to_unsigned(limit, "limit", 32, &max) < 0))
		return NULL;
	writer w = {0};
	if (write_subscribe(&w, query, after, as_read) < 0 || write_batch_size(&w, SUBSCRIBE_BATCH_SIZE, c->batch_size) < 0) {
		free(w.bytes);
		return NULL;
	}
	PyTypeObject *type = as_read ? ReadResponse_Type : Subscription_Type;
	int32_t method = as_read ? UMADB_READ_LIVE : resume ? UMADB_SUBSCRIBE : UMADB_SUBSCRIBE_ONCE;
	PyObject *stream = stream_new(type, c, method, w.bytes, w.size, limit == Py_None ? -1 : (int64_t)max, timeout);
	if (stream != NULL)
		subscription_set_callbacks(stream, on_progress, on_caught_up);
	return stream;
}

static PyObject *Connection_watch_health(Connection *c, PyObject *args)
{
	PyObject *text;
	int64_t timeout;
	Py_ssize_t size;
	if (!PyArg_ParseTuple(args, "UO&;the name of a service must be str", &text, to_timeout, &timeout))
		return NULL;
	const char *bytes = PyUnicode_AsUTF8AndSize(text, &size);
	char *request = bytes ? copy_text(bytes, size) : NULL;
	return request ? stream_new(Subscription_Type, c, UMADB_WATCH_HEALTH, request, size, -1, timeout) : NULL;
}

static PyObject *Connection_count(Connection *c, PyObject *args)
{
	PyObject *query, *bounds;
	int64_t timeout;
	uint64_t notifier = 0;
	if (!PyArg_ParseTuple(args, "OOO&|O&", &query, &bounds, to_timeout, &timeout, to_notifier, &notifier))
		return NULL;
	writer w = {0};
	if (write_count(&w, query, bounds) < 0) {
		free(w.bytes);
		return NULL;
	}
	return call_make(c, UMADB_COUNT, w.bytes, w.size, timeout, notifier);
}

/* Starts a request for types or tags, which is encoded already. */
static PyObject *Connection_terms(Connection *c, PyObject *args)
{
	const char *bytes;
	Py_ssize_t size;
	int64_t timeout;
	if (!PyArg_ParseTuple(args, "y#O&", &bytes, &size, to_timeout, &timeout))
		return NULL;
	char *request = copy_text(bytes, size);
	return request ? stream_new(Subscription_Type, c, UMADB_TERMS, request, size, -1, timeout) : NULL;
}

static void Connection_dealloc(Connection *c)
{
	PyTypeObject *type = Py_TYPE(c);
	if (c->handle != 0 && golib_usable()) {
		Py_BEGIN_ALLOW_THREADS
		go.free_connection(c->handle);
		Py_END_ALLOW_THREADS
	}
	PyObject_Free(c);
	Py_DECREF(type);
}

static PyMethodDef Connection_methods[] = {
	{"append", (PyCFunction)Connection_append, METH_VARARGS, NULL},
	{"call", (PyCFunction)Connection_call, METH_VARARGS, NULL},
	{"close", (PyCFunction)Connection_close, METH_VARARGS, NULL},
	{"count", (PyCFunction)Connection_count, METH_VARARGS, NULL},
	{"read", (PyCFunction)Connection_read, METH_VARARGS, NULL},
	{"subscribe", (PyCFunction)Connection_subscribe, METH_VARARGS, NULL},
	{"terms", (PyCFunction)Connection_terms, METH_VARARGS, NULL},
	{"watch_health", (PyCFunction)Connection_watch_health, METH_VARARGS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyType_Slot Connection_slots[] = {
	{Py_tp_doc, "An open store, returned by connect."},
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

static PyMethodDef functions[] = {
	{"connect", connect, METH_VARARGS, NULL},
	{NULL, NULL, 0, NULL},
};

int connection_init(PyObject *module)
{
	Connection_Type = add_type(module, &Connection_spec);
	return Connection_Type ? PyModule_AddFunctions(module, functions) : -1;
}

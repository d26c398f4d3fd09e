/* A connection: an open store, and what can be asked of it. With a notifier as its
 * last argument, a function that would wait gives a Call for an event loop. */

#include "request.h"

static PyTypeObject *Connection_Type;

static PyObject *connect(PyObject *module, PyObject *args)
{
	request r = {0};
	int uuid_object;
	uintptr_t notifier = 0;
	(void)module;
	if (!PyArg_ParseTuple(args, "sssIp|O&", &r.url, &r.ca, &r.key, &r.batch, &uuid_object, to_notifier, &notifier) || golib_load() < 0)
		return NULL;
	Connection *c = PyObject_New(Connection, Connection_Type);
	if (c == NULL)
		return NULL;
	c->handle = 0;
	c->closed = 0;
	c->local = strncmp(r.url, "file:", 5) == 0;
	c->uuid_object = uuid_object;
	PyObject *result = call_make(c, UMADB_OPEN, &r, notifier);
	Py_DECREF((PyObject *)c);
	return result;
}

static PyObject *Connection_append(Connection *c, PyObject *args)
{
	PyObject *events, *condition, *tracking, *result = NULL;
	uintptr_t notifier = 0;
	if (!PyArg_ParseTuple(args, "OOO|O&", &events, &condition, &tracking, to_notifier, &notifier))
		return NULL;
	writer w = {0};
	if (write_append(&w, events, condition, tracking) == 0) {
		request r = {.bytes = (const char *)w.bytes, .size = w.size};
		result = call_make(c, UMADB_APPEND, &r, notifier);
	}
	free(w.bytes);
	return result;
}

/* Makes a call whose request is a text. */
static PyObject *Connection_call(Connection *c, PyObject *args)
{
	int method;
	PyObject *text;
	uintptr_t notifier = 0;
	request r = {0};
	if (!PyArg_ParseTuple(args, "iU|O&;the name of a source or service must be str", &method, &text, to_notifier, &notifier))
		return NULL;
	r.bytes = PyUnicode_AsUTF8AndSize(text, &r.size);
	return r.bytes ? call_make(c, method, &r, notifier) : NULL;
}

static PyObject *Connection_close(Connection *c, PyObject *args)
{
	uintptr_t notifier = 0;
	request none = {0};
	if (!PyArg_ParseTuple(args, "|O&", to_notifier, &notifier))
		return NULL;
	if (c->closed)
		Py_RETURN_NONE;
	c->closed = 1;
	if (!golib_alive()) /* a forked child has nothing to close */
		Py_RETURN_NONE;
	return call_make(c, UMADB_CLOSE, &none, notifier);
}

static PyObject *open_stream(Connection *c, PyTypeObject *type, int32_t method, const void *bytes, Py_ssize_t size, int64_t limit)
{
	if (golib_check() < 0)
		return NULL;
	uintptr_t handle;
	Py_BEGIN_ALLOW_THREADS
	handle = go.stream(c->handle, method, bytes, size);
	Py_END_ALLOW_THREADS
	return stream_new(type, (PyObject *)c, handle, limit, method != UMADB_READ);
}

static PyObject *Connection_read(Connection *c, PyObject *args)
{
	PyObject *query, *start, *limit, *result = NULL;
	int backwards;
	if (!PyArg_ParseTuple(args, "OOpO", &query, &start, &backwards, &limit))
		return NULL;
	writer w = {0};
	if (write_read(&w, query, start, backwards, limit) == 0)
		result = open_stream(c, ReadResponse_Type, UMADB_READ, w.bytes, w.size, -1);
	free(w.bytes);
	return result;
}

static PyObject *Connection_subscribe(Connection *c, PyObject *args)
{
	PyObject *query, *after, *limit, *result = NULL;
	int as_read;
	uint64_t left = 0;
	if (!PyArg_ParseTuple(args, "OOOp", &query, &after, &limit, &as_read) || (limit != Py_None && to_unsigned(limit, "limit", 32, &left) < 0))
		return NULL;
	writer w = {0};
	if (write_subscribe(&w, query, after, as_read) == 0)
		result = open_stream(c, as_read ? ReadResponse_Type : Subscription_Type, UMADB_SUBSCRIBE, w.bytes, w.size, limit == Py_None ? -1 : (int64_t)left);
	free(w.bytes);
	return result;
}

static PyObject *Connection_watch_health(Connection *c, PyObject *args)
{
	PyObject *text;
	Py_ssize_t size;
	if (!PyArg_ParseTuple(args, "U;the name of a service must be str", &text))
		return NULL;
	const char *service = PyUnicode_AsUTF8AndSize(text, &size);
	return service ? open_stream(c, Subscription_Type, UMADB_WATCH_HEALTH, service, size, -1) : NULL;
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
	{"call", (PyCFunction)Connection_call, METH_VARARGS, NULL},
	{"close", (PyCFunction)Connection_close, METH_VARARGS, NULL},
	{"read", (PyCFunction)Connection_read, METH_VARARGS, NULL},
	{"subscribe", (PyCFunction)Connection_subscribe, METH_VARARGS, NULL},
	{"watch_health", (PyCFunction)Connection_watch_health, METH_VARARGS, NULL},
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

static PyMethodDef functions[] = {
	{"connect", connect, METH_VARARGS, NULL},
	{NULL, NULL, 0, NULL},
};

int connection_init(PyObject *module)
{
	Connection_Type = add_type(module, &Connection_spec);
	return Connection_Type ? PyModule_AddFunctions(module, functions) : -1;
}

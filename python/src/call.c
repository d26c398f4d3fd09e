/* Calls with one answer. The caller waits for it here or in an event loop. */

#include "exchange.h"

#include <stdlib.h>

static PyTypeObject *Call_Type;

/* A call that an event loop waits for. */
typedef struct {
	PyObject_HEAD
	Connection *connection;
	umadb_exchange *exchange;
} Call;

/* Returns the answer as an object: a number, None, the connection that was opened, or the
 * bytes of some counts. */
static PyObject *answer_object(Connection *c, int32_t method, umadb_answer *result)
{
	if (result->kind == UMADB_CANCELLED) {
		free(result->bytes);
		PyErr_SetString(PyExc_RuntimeError, "the client is closed");
		return NULL;
	}
	if (result->kind != UMADB_OK)
		return raise_and_free(result);
	if (method == UMADB_COUNT) {
		PyObject *counts = PyBytes_FromStringAndSize(result->bytes, result->length);
		free(result->bytes);
		return counts;
	}
	free(result->bytes);
	if (method == UMADB_OPEN) {
		c->handle = result->number;
		return Py_NewRef((PyObject *)c);
	}
	if (!result->present)
		Py_RETURN_NONE;
	return PyLong_FromUnsignedLongLong(result->number);
}

/* Waits for the answer of a call. If a signal handler raises an exception, the call is
 * abandoned. */
static PyObject *await_answer(Connection *c, umadb_exchange *x)
{
	umadb_answer result;
	int32_t method = x->method;
	int failed = exchange_await(c, x, FOREVER, &result);
	if (golib_usable())
		exchange_drop(x);
	return failed ? NULL : answer_object(c, method, &result);
}

static PyObject *start_call(Connection *c, umadb_exchange *x, uint64_t notifier)
{
	Call *started = PyObject_New(Call, Call_Type);
	if (started == NULL) {
		exchange_drop(x);
		return NULL;
	}
	started->connection = (Connection *)Py_NewRef((PyObject *)c);
	started->exchange = x;
	exchange_start(x, notifier);
	return (PyObject *)started;
}

PyObject *call_make(Connection *c, int32_t method, void *request, Py_ssize_t size, int64_t timeout, uint64_t notifier)
{
	umadb_exchange *x = exchange_new(c, method, request, size, timeout);
	if (x == NULL)
		return NULL;
	return notifier ? start_call(c, x, notifier) : await_answer(c, x);
}

static PyObject *Call_finish(Call *c, PyObject *none)
{
	umadb_answer result;
	(void)none;
	if (golib_check() < 0)
		return NULL;
	if (!exchange_take(c->exchange, &result)) {
		PyErr_SetString(PyExc_RuntimeError, "the call has no answer yet, or its answer was taken already");
		return NULL;
	}
	return answer_object(c->connection, c->exchange->method, &result);
}

static PyObject *Call_id(Call *c, void *closure)
{
	(void)closure;
	return PyLong_FromUnsignedLongLong(c->exchange->id);
}

static void Call_dealloc(Call *c)
{
	PyTypeObject *type = Py_TYPE(c);
	if (golib_usable())
		exchange_drop(c->exchange);
	Py_DECREF((PyObject *)c->connection);
	PyObject_Free(c);
	Py_DECREF(type);
}

static PyMethodDef Call_methods[] = {
	{"finish", (PyCFunction)Call_finish, METH_NOARGS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyGetSetDef Call_getset[] = {
	{"id", (getter)Call_id, NULL, NULL, NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot Call_slots[] = {
	{Py_tp_doc, "A call in progress. Deleting it abandons the call."},
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

int call_init(PyObject *module)
{
	Call_Type = add_type(module, &Call_spec);
	return Call_Type ? 0 : -1;
}

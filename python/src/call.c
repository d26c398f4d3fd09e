/* Calls with one answer: waited for here, or by an event loop. */

#include "exchange.h"

#include <stdlib.h>

static PyTypeObject *Call_Type;

/* A call that an event loop waits for. */
typedef struct {
	PyObject_HEAD
	Connection *connection;
	umadb_exchange *exchange;
} Call;

/* The answer as an object: a number, None, or the connection once it is open. */
static PyObject *answer(Connection *c, int32_t method, umadb_answer *result)
{
	if (result->kind == UMADB_CANCELLED) {
		free(result->bytes);
		PyErr_SetString(PyExc_RuntimeError, "the client is closed");
		return NULL;
	}
	if (result->kind != UMADB_OK)
		return raise_result(result);
	free(result->bytes);
	if (method == UMADB_OPEN) {
		c->handle = result->number;
		return Py_NewRef((PyObject *)c);
	}
	if (!result->present)
		Py_RETURN_NONE;
	return PyLong_FromUnsignedLongLong(result->number);
}

/* Waits for a call. A signal handler may raise an exception meanwhile: then the
 * call is given up. */
static PyObject *wait_for(Connection *c, umadb_exchange *x)
{
	umadb_answer result;
	int32_t method = x->method;
	int failed = exchange_await(c, x, 0, &result);
	if (golib_alive())
		exchange_drop(x);
	return failed ? NULL : answer(c, method, &result);
}

static PyObject *start(Connection *c, umadb_exchange *x, uint64_t notifier)
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
	return notifier ? start(c, x, notifier) : wait_for(c, x);
}

static PyObject *Call_finish(Call *c, PyObject *none)
{
	umadb_answer result;
	(void)none;
	if (golib_check() < 0)
		return NULL;
	if (!exchange_take(c->exchange, &result)) {
		PyErr_SetString(PyExc_RuntimeError, "the call has no answer yet, or it has been taken");
		return NULL;
	}
	return answer(c->connection, c->exchange->method, &result);
}

static PyObject *Call_id(Call *c, void *closure)
{
	(void)closure;
	return PyLong_FromUnsignedLongLong(c->exchange->id);
}

static void Call_dealloc(Call *c)
{
	PyTypeObject *type = Py_TYPE(c);
	if (golib_alive())
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

int call_init(PyObject *module)
{
	Call_Type = add_type(module, &Call_spec);
	return Call_Type ? 0 : -1;
}

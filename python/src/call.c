/* Calls with one answer: waited for here, or by an event loop. */

#include "native.h"

#include <stdlib.h>

static PyTypeObject *Call_Type;

/* A call that an event loop waits for. */
typedef struct {
	PyObject_HEAD
	Connection *connection;
	uintptr_t handle; /* 0 once it has ended */
	int32_t method;
} Call;

/* The answer as an object: a number, None, or the connection once it is open. */
static PyObject *answer(Connection *c, int32_t method, umadb_result *result)
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
		c->handle = (uintptr_t)result->number;
		return Py_NewRef((PyObject *)c);
	}
	if (!result->present)
		Py_RETURN_NONE;
	return PyLong_FromUnsignedLongLong(result->number);
}

/* Begins a call. It gives 0 if the answer is in result, or the handle of the call. */
static uintptr_t begin(Connection *c, int32_t method, const request *r, int32_t wait, uintptr_t notifier, umadb_result *result)
{
	if (method == UMADB_OPEN)
		return go.open(r->url, r->ca, r->key, r->batch, wait, notifier, result);
	return go.call(c->handle, method, r->bytes, r->size, wait, notifier, result);
}

/* Tells whether a call returns by itself before anybody would interrupt it. */
static int is_prompt(Connection *c, int32_t method)
{
	return c->local && method != UMADB_OPEN && method != UMADB_APPEND && method != UMADB_CLOSE;
}

/* Waits for a call in pieces. A signal handler may raise an exception between them:
 * then the call is given up. */
static PyObject *wait_for(Connection *c, int32_t method, const request *r)
{
	umadb_result result;
	int32_t wait = is_prompt(c, method) ? UMADB_FOREVER : golib_patience();
	uintptr_t handle;
	Py_BEGIN_ALLOW_THREADS
	handle = begin(c, method, r, wait, 0, &result);
	Py_END_ALLOW_THREADS
	while (handle != 0) {
		if (golib_go_on() < 0) {
			if (golib_alive())
				go.drop(handle);
			return NULL;
		}
		Py_BEGIN_ALLOW_THREADS
		handle = go.wait(handle, wait, &result);
		Py_END_ALLOW_THREADS
	}
	return answer(c, method, &result);
}

static PyObject *start(Connection *c, int32_t method, const request *r, uintptr_t notifier)
{
	umadb_result none;
	Call *started = PyObject_New(Call, Call_Type);
	if (started == NULL)
		return NULL;
	started->connection = (Connection *)Py_NewRef((PyObject *)c);
	started->method = method;
	started->handle = begin(c, method, r, 0, notifier, &none);
	return (PyObject *)started;
}

PyObject *call_make(Connection *c, int32_t method, const request *r, uintptr_t notifier)
{
	if (golib_check() < 0)
		return NULL;
	return notifier ? start(c, method, r, notifier) : wait_for(c, method, r);
}

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
	return answer(c->connection, c->method, &result);
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
	Py_DECREF((PyObject *)c->connection);
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

int call_init(PyObject *module)
{
	Call_Type = add_type(module, &Call_spec);
	return Call_Type ? 0 : -1;
}

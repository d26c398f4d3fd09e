/* Notifiers: pipes to event loops. */

#include "native.h"

static PyTypeObject *Notifier_Type;

typedef struct {
	PyObject_HEAD
	uint64_t handle;
} Notifier;

int to_notifier(PyObject *object, void *handle)
{
	if (Py_TYPE(object) != Notifier_Type) {
		PyErr_Format(PyExc_TypeError, "notifier must be a Notifier, not %R", (PyObject *)Py_TYPE(object));
		return 0;
	}
	*(uint64_t *)handle = ((Notifier *)object)->handle;
	return 1;
}

static PyObject *Notifier_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	int fd;
	(void)kwargs;
	if (!PyArg_ParseTuple(args, "i", &fd) || golib_load() < 0)
		return NULL;
	Notifier *n = PyObject_New(Notifier, type);
	if (n == NULL)
		return NULL;
	n->handle = go.notifier(fd);
	if (n->handle == 0) {
		Py_DECREF(n);
		PyErr_SetString(PyExc_OSError, "cannot duplicate the descriptor of the pipe");
		return NULL;
	}
	return (PyObject *)n;
}

static void Notifier_dealloc(Notifier *n)
{
	PyTypeObject *type = Py_TYPE(n);
	if (n->handle != 0 && golib_usable())
		go.close_notifier(n->handle);
	PyObject_Free(n);
	Py_DECREF(type);
}

static PyType_Slot Notifier_slots[] = {
	{Py_tp_doc, "Notifier(fd): writes the ID of each call or stream that has an answer to a pipe, as eight bytes."},
	{Py_tp_new, Notifier_new},
	{Py_tp_dealloc, Notifier_dealloc},
	{0, NULL},
};

static PyType_Spec Notifier_spec = {
	.name = "umadb._native.Notifier",
	.basicsize = sizeof(Notifier),
	.flags = Py_TPFLAGS_DEFAULT,
	.slots = Notifier_slots,
};

int notifier_init(PyObject *module)
{
	Notifier_Type = add_type(module, &Notifier_spec);
	return Notifier_Type ? 0 : -1;
}

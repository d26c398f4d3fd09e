/* The extension behind the package umadb: value types, streams, and the way to
 * the Go library. It is private; umadb/__init__.py is what is public. */

#include "native.h"

PyTypeObject *add_type(PyObject *module, PyType_Spec *spec)
{
	PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
	const char *name = strrchr(spec->name, '.') + 1;
	if (type == NULL || PyModule_AddObjectRef(module, name, type) < 0)
		return NULL;
	return (PyTypeObject *)type;
}

int to_unsigned(PyObject *object, const char *name, int bits, uint64_t *out)
{
	if (!PyLong_Check(object)) {
		PyErr_Format(PyExc_TypeError, "%s must be an int, not %R", name, (PyObject *)Py_TYPE(object));
		return -1;
	}
	unsigned long long value = PyLong_AsUnsignedLongLong(object);
	if (PyErr_Occurred() || (bits < 64 && value >> bits != 0)) {
		PyErr_Clear();
		PyObject *text = PyObject_Repr(object);
		if (text == NULL) /* Python does not write numbers of thousands of digits */
			PyErr_Clear();
		PyErr_Format(PyExc_ValueError, "%s must be from 0 to 2**%d - 1, not %V", name, bits, text, "one of so many digits");
		Py_XDECREF(text);
		return -1;
	}
	*out = value;
	return 0;
}

static PyMethodDef functions[] = {
	{"set_library", golib_set_path, METH_O, NULL},
	{"main", command_main, METH_VARARGS, NULL},
	{"cancel_all_stream_responses", cancel_all, METH_NOARGS,
		"cancel_all_stream_responses()\n--\n\n"
		"End every read, subscription and health watch of this process, as their cancel() does.\n\n"
		"Servers are not affected."},
	{NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "umadb._native",
	.m_doc = "What is compiled of umadb. Use umadb instead.",
	.m_size = -1,
	.m_methods = functions,
};

PyMODINIT_FUNC PyInit__native(void)
{
	PyObject *module = PyModule_Create(&definition);
	if (module == NULL)
		return NULL;
	if (errors_init(module) < 0 || values_init(module) < 0 || connection_init(module) < 0 || call_init(module) < 0 ||
	    response_init(module) < 0 || notifier_init(module) < 0) {
		Py_DECREF(module);
		return NULL;
	}
	return module;
}

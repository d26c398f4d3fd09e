/* Helpers for the Python C API: types, and conversion of arguments. */

#include "native.h"

PyTypeObject *add_type(PyObject *module, PyType_Spec *spec)
{
	PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
	const char *name = strrchr(spec->name, '.') + 1;
	if (type == NULL || PyModule_AddObjectRef(module, name, type) < 0)
		return NULL;
	return (PyTypeObject *)type;
}

static int int_to_unsigned(PyObject *object, const char *name, int bits, uint64_t *out)
{
	unsigned long long value = PyLong_AsUnsignedLongLong(object);
	if (PyErr_Occurred() || (bits < 64 && value >> bits != 0)) {
		PyErr_Clear();
		PyObject *text = PyObject_Repr(object);
		if (text == NULL) /* Python refuses to print numbers with thousands of digits */
			PyErr_Clear();
		PyErr_Format(PyExc_ValueError, "%s must be from 0 to 2**%d - 1, not %V", name, bits, text, "a number with that many digits");
		Py_XDECREF(text);
		return -1;
	}
	*out = value;
	return 0;
}

int to_unsigned(PyObject *argument, const char *name, int bits, uint64_t *out)
{
	if (!PyIndex_Check(argument)) {
		PyErr_Format(PyExc_TypeError, "%s must be an int, not %R", name, (PyObject *)Py_TYPE(argument));
		return -1;
	}
	PyObject *object = PyNumber_Index(argument);
	if (object == NULL)
		return -1;
	int failed = int_to_unsigned(object, name, bits, out);
	Py_DECREF(object);
	return failed;
}

int to_timeout(PyObject *object, void *out)
{
	double seconds = object == Py_None ? 0 : PyFloat_AsDouble(object);
	if (seconds == -1 && PyErr_Occurred()) {
		if (PyErr_ExceptionMatches(PyExc_TypeError))
			PyErr_Format(PyExc_TypeError, "timeout must be a number of seconds or None, not %R", (PyObject *)Py_TYPE(object));
		return 0;
	}
	if (!(seconds >= 0)) {
		PyErr_Format(PyExc_ValueError, "timeout must be 0 seconds or more, not %R", object);
		return 0;
	}
	double ns = seconds * SECOND;
	if (object == Py_None || ns > (double)(INT64_MAX / 2))
		*(int64_t *)out = 0;
	else
		*(int64_t *)out = ns < 1 ? 1 : (int64_t)ns;
	return 1;
}

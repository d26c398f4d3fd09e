/* Conversion of times to and from datetime.datetime. */

#include "values.h"

static PyObject *datetime_type, *timedelta_type, *epoch; /* NULL until they are first used */

/* Imports datetime. Returns 0, or -1 with an exception. */
static int load_datetime(void)
{
	if (epoch != NULL)
		return 0;
	PyObject *module = PyImport_ImportModule("datetime");
	if (module == NULL)
		return -1;
	PyObject *timezone = PyObject_GetAttrString(module, "timezone");
	PyObject *utc = timezone ? PyObject_GetAttrString(timezone, "utc") : NULL;
	if (datetime_type == NULL)
		datetime_type = PyObject_GetAttrString(module, "datetime");
	if (timedelta_type == NULL)
		timedelta_type = PyObject_GetAttrString(module, "timedelta");
	Py_DECREF(module);
	if (utc != NULL && datetime_type != NULL && timedelta_type != NULL)
		epoch = PyObject_CallFunction(datetime_type, "iiiiiiiO", 1970, 1, 1, 0, 0, 0, 0, utc);
	Py_XDECREF(timezone);
	Py_XDECREF(utc);
	return epoch ? 0 : -1;
}

PyObject *datetime_of(int64_t nanoseconds)
{
	if (load_datetime() < 0)
		return NULL;
	int64_t microseconds = nanoseconds / 1000 - (nanoseconds % 1000 < 0);
	PyObject *since = PyObject_CallFunction(timedelta_type, "iiL", 0, 0, (long long)microseconds);
	PyObject *datetime = since ? PyNumber_Add(epoch, since) : NULL;
	Py_XDECREF(since);
	return datetime;
}

/* Adds an attribute of a timedelta, times a factor, to a sum. Returns 0, or -1 with an
 * exception. */
static int add_part(int64_t *sum, PyObject *timedelta, const char *name, int64_t factor)
{
	PyObject *part = PyObject_GetAttrString(timedelta, name);
	long long value = part ? PyLong_AsLongLong(part) : -1;
	Py_XDECREF(part);
	*sum += value * factor;
	return PyErr_Occurred() ? -1 : 0;
}

/* Reports whether an object is a datetime with a time zone; if not, with an exception. */
static int is_aware(PyObject *object, const char *name)
{
	int is = load_datetime() < 0 ? -1 : PyObject_IsInstance(object, datetime_type);
	if (is == 0)
		PyErr_Format(PyExc_TypeError, "%s must be a datetime.datetime, not %R", name, (PyObject *)Py_TYPE(object));
	PyObject *offset = is > 0 ? PyObject_CallMethod(object, "utcoffset", NULL) : NULL;
	if (offset == Py_None)
		PyErr_Format(PyExc_ValueError, "%s has no time zone: use an aware datetime, as datetime.now(timezone.utc) returns, or add one with replace(tzinfo=...) or astimezone()", name);
	int aware = offset != NULL && offset != Py_None;
	Py_XDECREF(offset);
	return aware;
}

int to_microseconds(PyObject *object, const char *name, int64_t *microseconds)
{
	if (!is_aware(object, name))
		return -1;
	PyObject *since = PyNumber_Subtract(object, epoch);
	*microseconds = 0;
	int failed = since == NULL || add_part(microseconds, since, "days", 86400000000) < 0 ||
		add_part(microseconds, since, "seconds", 1000000) < 0 || add_part(microseconds, since, "microseconds", 1) < 0;
	Py_XDECREF(since);
	return failed ? -1 : 0;
}

static PyObject *microseconds_of(PyObject *module, PyObject *datetime)
{
	int64_t microseconds;
	(void)module;
	return to_microseconds(datetime, "t", &microseconds) < 0 ? NULL : PyLong_FromLongLong(microseconds);
}

static PyMethodDef functions[] = {
	{"microseconds", microseconds_of, METH_O, NULL},
	{NULL, NULL, 0, NULL},
};

int time_init(PyObject *module) { return PyModule_AddFunctions(module, functions); }

/* The exceptions, and their mapping from the errors of the Go library. */

#include "native.h"

PyObject *CancelledByUserError, *TransportError;
static PyObject *TimeoutExpired, *IntegrityError, *AuthenticationError, *CorruptionError, *ServerStartError;

static PyObject *add_exception(PyObject *module, const char *name, const char *doc, PyObject *base)
{
	char full[64];
	PyOS_snprintf(full, sizeof full, "umadb.%s", name);
	PyObject *exception = PyErr_NewExceptionWithDoc(full, doc, base, NULL);
	if (exception == NULL || PyModule_AddObjectRef(module, name, exception) < 0)
		return NULL;
	return exception;
}

int errors_init(PyObject *module)
{
	IntegrityError = add_exception(module, "IntegrityError",
		"An append condition failed, or a tracking position was not greater than the recorded one.\n\n"
		"Attributes:\n    conflict_position: the position of the first event that made the append\n"
		"        condition fail (int), or None if unknown.",
		PyExc_ValueError);
	TransportError = add_exception(module, "TransportError",
		"The client cannot connect, the connection broke, or the server did not accept the request.\n\n"
		"Attributes:\n    appended: False if an append has certainly not happened; None if that is\n"
		"        unknown, or if the call was not an append.",
		PyExc_RuntimeError);
	TimeoutExpired = add_exception(module, "TimeoutExpired",
		"A call took longer than its timeout.", TransportError);
	AuthenticationError = add_exception(module, "AuthenticationError", "The API key is missing or wrong.", PyExc_PermissionError);
	CorruptionError = add_exception(module, "CorruptionError", "Stored data is corrupt.", PyExc_RuntimeError);
	CancelledByUserError = add_exception(module, "CancelledByUserError",
		"A read, subscription or health watch was cancelled, or its client was closed.", PyExc_Exception);
	ServerStartError = add_exception(module, "ServerStartError", "A server could not be started.", PyExc_RuntimeError);
	if (!IntegrityError || !TransportError || !TimeoutExpired || !AuthenticationError || !CorruptionError || !CancelledByUserError || !ServerStartError)
		return -1;
	if (PyObject_SetAttrString(TransportError, "appended", Py_None) < 0)
		return -1;
	return PyObject_SetAttrString(IntegrityError, "conflict_position", Py_None);
}

static PyObject *exception_of(int32_t kind)
{
	switch (kind) {
	case UMADB_CANCELLED:
		return CancelledByUserError;
	case UMADB_INTEGRITY:
		return IntegrityError;
	case UMADB_INVALID:
	case UMADB_SERIALIZATION:
		return PyExc_ValueError;
	case UMADB_AUTHENTICATION:
		return AuthenticationError;
	case UMADB_CORRUPTION:
		return CorruptionError;
	case UMADB_IO:
		return PyExc_OSError;
	case UMADB_TRANSPORT:
		return TransportError;
	case UMADB_TIMEOUT:
		return TimeoutExpired;
	}
	return PyExc_RuntimeError;
}

/* Sets the attribute appended or conflict_position. */
static void set_detail(PyObject *exception, const umadb_answer *result)
{
	if (result->kind != UMADB_INTEGRITY) {
		PyObject_SetAttrString(exception, "appended", Py_False);
		return;
	}
	PyObject *position = PyLong_FromUnsignedLongLong(result->number);
	if (position != NULL)
		PyObject_SetAttrString(exception, "conflict_position", position);
	Py_XDECREF(position);
}

int raise_timeout(void)
{
	PyErr_SetString(TimeoutExpired, "transport error: no answer within the timeout");
	return -1;
}

PyObject *raise_and_free(umadb_answer *result)
{
	raise_error(result);
	free(result->bytes);
	result->bytes = NULL;
	return NULL;
}

PyObject *raise_error(const umadb_answer *result)
{
	PyObject *type = exception_of(result->kind);
	PyObject *text = PyUnicode_DecodeUTF8(result->bytes, result->length, "replace");
	if (text == NULL)
		return NULL;
	PyObject *exception = PyObject_CallFunctionObjArgs(type, text, NULL);
	Py_DECREF(text);
	if (exception != NULL && result->present)
		set_detail(exception, result);
	if (exception != NULL) {
		PyErr_SetObject(type, exception);
		Py_DECREF(exception);
	}
	return NULL;
}

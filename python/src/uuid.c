/* Conversion of UUIDs to their canonical form, and to and from uuid.UUID. */

#include "values.h"

static PyObject *uuid_type; /* uuid.UUID; NULL until it is first used */

static PyObject *get_uuid_type(void)
{
	if (uuid_type == NULL) {
		PyObject *module = PyImport_ImportModule("uuid");
		uuid_type = module ? PyObject_GetAttrString(module, "UUID") : NULL;
		Py_XDECREF(module);
	}
	return uuid_type;
}

/* Converts a UUID in any form that servers accept to their canonical form. Returns 0 if
 * it is not a UUID. */
static int canonical_uuid(const char *text, Py_ssize_t size, char out[36])
{
	if (size == 45 && strncmp(text, "urn:uuid:", 9) == 0) {
		text += 9;
		size -= 9;
	}
	if (size == 38 && text[0] == '{' && text[37] == '}') {
		text++;
		size -= 2;
	}
	if (size != 36 && size != 32)
		return 0;
	for (int i = 0; i < 36; i++) {
		int hyphen = i == 8 || i == 13 || i == 18 || i == 23;
		if (hyphen && size == 32) {
			out[i] = '-';
			continue;
		}
		char c = *text++;
		if (c >= 'A' && c <= 'F')
			c += 'a' - 'A';
		if (hyphen ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return 0;
		out[i] = c;
	}
	return 1;
}

/* Text that is not a UUID is written as it is, and the store rejects it. */
int write_uuid(writer *w, int number, PyObject *uuid)
{
	Py_ssize_t size;
	char canonical[36];
	if (uuid == NULL || uuid == Py_None)
		return 0;
	PyObject *text = NULL;
	if (PyUnicode_Check(uuid)) {
		text = Py_NewRef(uuid);
	} else if (get_uuid_type() != NULL) {
		int is = PyObject_IsInstance(uuid, uuid_type);
		if (is > 0)
			text = PyObject_Str(uuid);
		else if (is == 0)
			PyErr_Format(PyExc_TypeError, "uuid must be str, uuid.UUID or None, not %R", (PyObject *)Py_TYPE(uuid));
	}
	const char *bytes = text ? PyUnicode_AsUTF8AndSize(text, &size) : NULL;
	if (bytes != NULL && canonical_uuid(bytes, size, canonical))
		write_bytes(w, number, canonical, sizeof canonical);
	else if (bytes != NULL && size > 0)
		write_bytes(w, number, bytes, size);
	Py_XDECREF(text);
	return bytes == NULL ? -1 : 0;
}

PyObject *uuid_of(const field *f, int as_object)
{
	if (f->size == 0)
		Py_RETURN_NONE;
	PyObject *text = PyUnicode_DecodeUTF8((const char *)f->bytes, f->size, NULL);
	if (text == NULL || !as_object)
		return text;
	PyObject *uuid = get_uuid_type() ? PyObject_CallFunctionObjArgs(uuid_type, text, NULL) : NULL;
	Py_DECREF(text);
	return uuid;
}

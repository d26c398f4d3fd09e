/* The command line as a Python function. */

#include "native.h"

#include <stdlib.h>

PyObject *command_main(PyObject *module, PyObject *args)
{
	PyObject *words;
	(void)module;
	if (!PyArg_ParseTuple(args, "O!", &PyTuple_Type, &words) || golib_load() < 0)
		return NULL;
	Py_ssize_t count = PyTuple_Size(words);
	char **argv = calloc(count + 1, sizeof *argv);
	if (argv == NULL)
		return PyErr_NoMemory();
	for (Py_ssize_t i = 0; i < count; i++) {
		if (PyBytes_AsStringAndSize(PyTuple_GetItem(words, i), &argv[i], NULL) < 0) {
			free(argv);
			return NULL;
		}
	}
	int32_t code;
	Py_BEGIN_ALLOW_THREADS
	code = go.main(argv, (int32_t)count);
	Py_END_ALLOW_THREADS
	free(argv);
	return PyLong_FromLong(code);
}

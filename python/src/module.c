/* The extension behind the package umadb: value types, streams, and the way to
 * the Go library. It is private; umadb/__init__.py is what is public. */

#include "native.h"

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
	if (PyModule_AddStringConstant(module, "__version__", UMADB_VERSION) < 0 || errors_init(module) < 0 || values_init(module) < 0 || connection_init(module) < 0 || call_init(module) < 0 ||
	    response_init(module) < 0 || notifier_init(module) < 0) {
		Py_DECREF(module);
		return NULL;
	}
	return module;
}

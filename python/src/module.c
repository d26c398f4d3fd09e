/* The extension module umadb._native: value types, streams, and calls of the Go library. It
 * is private; umadb/__init__.py is the public interface. */

#include "native.h"

static PyMethodDef functions[] = {
	{"set_library", golib_set_path, METH_O, NULL},
	{"set_progress_type", set_progress_type, METH_O, NULL},
	{"main", command_main, METH_VARARGS, NULL},
	{"cancel_all_stream_responses", cancel_all, METH_NOARGS,
		"cancel_all_stream_responses()\n--\n\n"
		"Cancel every read, subscription and health watch of this process, as their cancel() does.\n\n"
		"Servers are not affected."},
	{NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "umadb._native",
	.m_doc = "The private extension module of umadb. Use umadb instead.",
	.m_size = -1,
	.m_methods = functions,
};

static int (*const initializers[])(PyObject *module) = {
	errors_init, event_init, query_init, tracking_init, time_init, sequenced_init, connection_init, call_init, response_init, notifier_init,
};

PyMODINIT_FUNC PyInit__native(void)
{
	PyObject *module = PyModule_Create(&definition);
	if (module == NULL)
		return NULL;
	int failed = PyModule_AddStringConstant(module, "__version__", UMADB_VERSION) < 0;
	for (size_t i = 0; i < sizeof initializers / sizeof *initializers && !failed; i++)
		failed = initializers[i](module) < 0;
	if (failed) {
		Py_DECREF(module);
		return NULL;
	}
	return module;
}

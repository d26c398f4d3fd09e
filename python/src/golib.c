/* Loading of the Go library, which is installed next to the extension. The first connection
 * loads it, not the import, so that a program can import the package and fork later. A
 * process that has loaded it cannot be forked: the child has Go's memory, but none of its
 * threads. */

#include "native.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

golib go;

static PyObject *library_path;
static void *library;
static int forked; /* this process was forked from the one that loaded the library */

PyObject *golib_set_path(PyObject *module, PyObject *path)
{
	(void)module;
	PyObject *old = library_path;
	library_path = Py_NewRef(path);
	Py_XDECREF(old);
	Py_RETURN_NONE;
}

static void in_child(void) { forked = 1; }

/* Reports whether this is the main thread of the process, on which Python runs signal
 * handlers. It queries the kernel, because gevent replaces the functions of Python's
 * threading module. */
static int on_main_thread(void)
{
#ifdef __linux__
	return syscall(SYS_gettid) == getpid();
#else
	return pthread_main_np();
#endif
}

/* The functions of the library by name. */
static const struct {
	const char *name;
	size_t offset;
} functions[] = {
	{"umadb_init", offsetof(golib, init)},
	{"umadb_begin", offsetof(golib, begin)},
	{"umadb_step", offsetof(golib, step)},
	{"umadb_free_connection", offsetof(golib, free_connection)},
	{"umadb_notifier", offsetof(golib, notifier)},
	{"umadb_close_notifier", offsetof(golib, close_notifier)},
	{"umadb_main", offsetof(golib, main)},
};

/* How much the kernel may delay the end of a sleep of Go's threads, in ns. Go's monitor
 * thread sleeps for 20 us, thousands of times a second while any goroutine runs
 * (docs/adr/0012-timer-slack.md). */
#define TIMER_SLACK 500000UL

/* Opens the library, which starts Go's threads. They inherit the timer slack of this
 * thread, so it is raised meanwhile. */
static void *open_library(const char *path)
{
#ifdef __linux__
	long slack = prctl(PR_GET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL);
	int raised = 0 < slack && slack < (long)TIMER_SLACK && prctl(PR_SET_TIMERSLACK, TIMER_SLACK, 0UL, 0UL, 0UL) == 0;
	void *opened = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (raised)
		prctl(PR_SET_TIMERSLACK, (unsigned long)slack, 0UL, 0UL, 0UL);
	return opened;
#else
	return dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
#endif
}

int golib_load(void)
{
	if (library != NULL)
		return golib_check();
	if (library_path == NULL) {
		PyErr_SetString(PyExc_RuntimeError, "the path of the Go library of umadb is not set: import umadb, not umadb._native");
		return -1;
	}
	PyObject *path = NULL;
	if (!PyUnicode_FSConverter(library_path, &path))
		return -1;
	void *loaded = open_library(PyBytes_AsString(path));
	Py_DECREF(path);
	if (loaded == NULL) {
		PyErr_Format(PyExc_ImportError, "cannot load the Go library of umadb: %s", dlerror());
		return -1;
	}
	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
		void *function = dlsym(loaded, functions[i].name);
		if (function == NULL) {
			PyErr_Format(PyExc_ImportError, "the Go library of umadb has no function %s: reinstall the package", functions[i].name);
			return -1;
		}
		memcpy((char *)&go + functions[i].offset, &function, sizeof function);
	}
	go.controls = go.init(sizeof(umadb_exchange));
	if (go.controls < 0) {
		PyErr_SetString(PyExc_ImportError, "cannot initialize the Go library of umadb: it is from another build, or the process has too many open files");
		return -1;
	}
	if (pthread_atfork(NULL, NULL, in_child) != 0) {
		PyErr_NoMemory();
		return -1;
	}
	library = loaded;
	return 0;
}

int golib_usable(void) { return library != NULL && !forked; }

int golib_check(void)
{
	if (!forked)
		return 0;
	PyErr_SetString(PyExc_RuntimeError,
		"umadb cannot be used in this process, which was forked from one that had created a Client: "
		"create the first Client after the fork, or start processes with \"spawn\"");
	return -1;
}

int golib_check_signals(void) { return PyErr_CheckSignals() < 0 ? -1 : golib_check(); }

int64_t golib_signal_interval(void)
{
	static _Thread_local int64_t interval; /* 0 until the first call of the thread */
	if (interval == 0)
		interval = on_main_thread() ? 50 * MILLISECOND : FOREVER;
	return interval;
}

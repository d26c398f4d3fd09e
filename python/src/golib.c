/* The Go library: found beside the package, loaded by the first connection and
 * never before, so that a process that forks first is none the worse for having
 * imported the package. A process that has loaded it cannot be forked: the
 * child has Go's memory, and none of its threads. */

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
static int forked; /* this process is a child of the one that loaded it */

PyObject *golib_set_path(PyObject *module, PyObject *path)
{
	(void)module;
	PyObject *old = library_path;
	library_path = Py_NewRef(path);
	Py_XDECREF(old);
	Py_RETURN_NONE;
}

static void in_child(void) { forked = 1; }

/* Reports whether this is the main thread of the process, the one on which Python runs
 * signal handlers. It asks the kernel, because Python's own functions can be patched: with
 * gevent, threads are greenlets. */
static int on_main_thread(void)
{
#ifdef __linux__
	return syscall(SYS_gettid) == getpid();
#else
	return pthread_main_np();
#endif
}

/* The functions by name. */
static const struct {
	const char *name;
	size_t offset;
} functions[] = {
	{"umadb_init", offsetof(golib, init)},
	{"umadb_begin", offsetof(golib, begin)},
	{"umadb_step", offsetof(golib, step)},
	{"umadb_forget", offsetof(golib, forget)},
	{"umadb_notifier", offsetof(golib, notifier)},
	{"umadb_close_notifier", offsetof(golib, close_notifier)},
	{"umadb_main", offsetof(golib, main)},
};

/* How much later than asked for the kernel may end a sleep of Go's threads, in ns. Go's
 * monitor thread sleeps 20 us at a time, thousands of times a second while there is
 * something to do (docs/adr/0012-timer-slack.md). */
#define TIMER_SLACK 500000UL

/* Opens the library, and with it starts Go's threads: they have the slack of this one. */
static void *open_library(const char *path)
{
#ifdef __linux__
	long slack = prctl(PR_GET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL);
	int ours = 0 < slack && slack < (long)TIMER_SLACK && prctl(PR_SET_TIMERSLACK, TIMER_SLACK, 0UL, 0UL, 0UL) == 0;
	void *opened = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (ours)
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
		PyErr_SetString(PyExc_RuntimeError, "umadb has not been imported as a package");
		return -1;
	}
	PyObject *path = NULL;
	if (!PyUnicode_FSConverter(library_path, &path))
		return -1;
	void *loaded = open_library(PyBytes_AsString(path));
	Py_DECREF(path);
	if (loaded == NULL) {
		PyErr_Format(PyExc_ImportError, "the Go library of umadb cannot be loaded: %s", dlerror());
		return -1;
	}
	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
		void *function = dlsym(loaded, functions[i].name);
		if (function == NULL) {
			PyErr_Format(PyExc_ImportError, "the Go library of umadb has no %s: install the package again", functions[i].name);
			return -1;
		}
		memcpy((char *)&go + functions[i].offset, &function, sizeof function);
	}
	go.controls = go.init(sizeof(umadb_exchange));
	if (go.controls < 0) {
		PyErr_SetString(PyExc_ImportError, "the Go library of umadb is of another build, or the process has too many files open");
		return -1;
	}
	if (pthread_atfork(NULL, NULL, in_child) != 0) {
		PyErr_NoMemory();
		return -1;
	}
	library = loaded;
	return 0;
}

int golib_alive(void) { return library != NULL && !forked; }

int golib_check(void)
{
	if (!forked)
		return 0;
	PyErr_SetString(PyExc_RuntimeError,
		"this process was forked from one that had made a Client, and cannot use umadb: "
		"make the first Client after the fork, or start processes by \"spawn\"");
	return -1;
}

int golib_go_on(void) { return PyErr_CheckSignals() < 0 ? -1 : golib_check(); }

int64_t golib_patience(void)
{
	static _Thread_local int64_t patience; /* 0 if the thread has not asked yet */
	if (patience == 0)
		patience = on_main_thread() ? 50 * MILLISECOND : FOREVER;
	return patience;
}

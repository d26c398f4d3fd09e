/* How far a subscription is, and the functions that it calls. */

#include "stream.h"

static PyObject *progress_type;

PyObject *set_progress_type(PyObject *module, PyObject *type)
{
	(void)module;
	Py_XDECREF(progress_type);
	progress_type = Py_NewRef(type);
	Py_RETURN_NONE;
}

void subscription_set_callbacks(PyObject *subscription, PyObject *on_progress, PyObject *on_caught_up)
{
	Stream *s = (Stream *)subscription;
	s->on_progress = on_progress == Py_None ? NULL : Py_NewRef(on_progress);
	s->on_caught_up = on_caught_up == Py_None ? NULL : Py_NewRef(on_caught_up);
}

PyObject *stream_progress(Stream *s)
{
	if (!s->progress_known)
		Py_RETURN_NONE;
	return PyObject_CallFunction(progress_type, "KK", (unsigned long long)s->checked, (unsigned long long)s->last);
}

/* Adopts the progress of the current message and reports whether it has moved. A server at which
 * the subscription resumes may lag, or repeat what another one has reported. */
static int advance(Stream *s)
{
	const summary *m = &s->response;
	if (!m->has_progress)
		return 0;
	int moved = !s->progress_known || m->checked > s->checked || m->last > s->last;
	if (m->checked > s->checked)
		s->checked = m->checked;
	if (m->last > s->last)
		s->last = m->last;
	s->progress_known = 1;
	s->response.has_progress = 0;
	return moved;
}

int stream_next_report(Stream *s)
{
	if (advance(s))
		return MOVED;
	if (!s->progress_known || s->checked < s->last) {
		s->announced = 0;
		return NOTHING;
	}
	if (s->announced)
		return NOTHING;
	s->announced = 1;
	return CAUGHT_UP;
}

/* Calls the function for a report. Returns its result, or NULL with an exception. */
static PyObject *call_function(Stream *s, int report)
{
	if (report == CAUGHT_UP)
		return PyObject_CallFunctionObjArgs(s->on_caught_up, NULL);
	PyObject *progress = stream_progress(s);
	PyObject *result = progress ? PyObject_CallFunctionObjArgs(s->on_progress, progress, NULL) : NULL;
	Py_XDECREF(progress);
	return result;
}

int stream_report(Stream *s)
{
	int called = 0, report;
	while ((report = stream_next_report(s)) != NOTHING) {
		if ((report == CAUGHT_UP ? s->on_caught_up : s->on_progress) == NULL)
			continue;
		PyObject *result = call_function(s, report);
		if (result == NULL)
			return -1;
		Py_DECREF(result);
		called = 1;
	}
	return called;
}

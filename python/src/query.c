/* QueryItem and Query, stored as the bytes of an umadb.v1.QueryItem and umadb.v1.Query, and
 * AppendCondition. */

#include "values.h"

enum {
	ITEM_TYPES = 1,
	ITEM_TAGS = 2,
	QUERY_ITEMS = 1,
};

PyTypeObject *QueryItem_Type, *Query_Type, *AppendCondition_Type;

/* QueryItem */

static PyObject *QueryItem_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = {"types", "tags", NULL};
	PyObject *types = NULL, *tags = NULL;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO:QueryItem", names, &types, &tags))
		return NULL;
	writer w = {0};
	if (write_texts(&w, ITEM_TYPES, types, "types") < 0 || write_texts(&w, ITEM_TAGS, tags, "tags") < 0) {
		free(w.bytes);
		return NULL;
	}
	return message_of(type, &w);
}

static PyObject *QueryItem_types(PyObject *self, void *closure)
{
	(void)closure;
	return texts_of(self, ITEM_TYPES);
}

static PyObject *QueryItem_tags(PyObject *self, void *closure)
{
	(void)closure;
	return texts_of(self, ITEM_TAGS);
}

static PyObject *QueryItem_arguments(PyObject *self)
{
	return Py_BuildValue("(NN)", QueryItem_types(self, NULL), QueryItem_tags(self, NULL));
}

static PyObject *QueryItem_repr(PyObject *self) { return repr_of("QueryItem(types=%r, tags=%r)", QueryItem_arguments(self)); }

static PyObject *QueryItem_reduce(PyObject *self, PyObject *none)
{
	(void)none;
	return reduce_to(self, QueryItem_arguments(self));
}

static PyGetSetDef QueryItem_getset[] = {
	{"types", QueryItem_types, NULL, "The event must have one of these types, or any type if empty (a new list of str).", NULL},
	{"tags", QueryItem_tags, NULL, "The event must have all of these tags (a new list of str).", NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef QueryItem_methods[] = {
	{"__reduce__", QueryItem_reduce, METH_NOARGS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyType_Slot QueryItem_slots[] = {
	{Py_tp_doc,
		"QueryItem(types=None, tags=None)\n--\n\n"
		"Selects the events that have one of the types and all of the tags. Immutable.\n\n"
		"Args:\n"
		"    types: event types (sequence of str); None or empty for any type.\n"
		"    tags: tags (sequence of str); None or empty for any tags.\n\n"
		"Raises:\n"
		"    TypeError: if an argument is not a sequence of str."},
	{Py_tp_new, QueryItem_new},
	{Py_tp_dealloc, free_object},
	{Py_tp_richcompare, message_compare},
	{Py_tp_hash, message_hash},
	{Py_tp_repr, QueryItem_repr},
	{Py_tp_getset, QueryItem_getset},
	{Py_tp_methods, QueryItem_methods},
	{0, NULL},
};

/* Query */

static PyObject *Query_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = {"items", NULL};
	PyObject *items = Py_None;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:Query", names, &items))
		return NULL;
	writer w = {0};
	if (items == Py_None)
		return message_of(type, &w);
	PyObject *all = tuple_of(items, "items", "QueryItem");
	if (all == NULL)
		return NULL;
	Py_ssize_t size = PyTuple_Size(all);
	for (Py_ssize_t i = 0; i < size; i++) {
		PyObject *item = PyTuple_GetItem(all, i);
		if (Py_TYPE(item) != QueryItem_Type) {
			PyErr_Format(PyExc_TypeError, "items[%zd] must be a QueryItem, not %R", i, (PyObject *)Py_TYPE(item));
			Py_DECREF(all);
			free(w.bytes);
			return NULL;
		}
		write_bytes(&w, QUERY_ITEMS, ((Message *)item)->bytes, Py_SIZE(item));
	}
	Py_DECREF(all);
	return message_of(type, &w);
}

static PyObject *Query_items(PyObject *self, void *closure)
{
	(void)closure;
	field f;
	reader r = reader_of(self);
	PyObject *list = PyList_New(0);
	while (list != NULL && next_field(&r, &f) > 0) {
		if (f.number != QUERY_ITEMS || f.type != 2)
			continue;
		PyObject *item = message_new(QueryItem_Type, f.bytes, f.size, 0);
		if (item == NULL || PyList_Append(list, item) < 0)
			Py_CLEAR(list);
		Py_XDECREF(item);
	}
	return list;
}

static PyObject *Query_repr(PyObject *self) { return repr_of("Query(items=%r)", Py_BuildValue("(N)", Query_items(self, NULL))); }

static PyObject *Query_reduce(PyObject *self, PyObject *none)
{
	(void)none;
	return reduce_to(self, Py_BuildValue("(N)", Query_items(self, NULL)));
}

static PyGetSetDef Query_getset[] = {
	{"items", Query_items, NULL, "The event must match one of these items, if there are any (a new list of QueryItem).", NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef Query_methods[] = {
	{"__reduce__", Query_reduce, METH_NOARGS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyType_Slot Query_slots[] = {
	{Py_tp_doc,
		"Query(items=None)\n--\n\n"
		"Selects the events that match any of its items; without items, all events. Immutable.\n\n"
		"Args:\n"
		"    items: the items (sequence of QueryItem).\n\n"
		"Raises:\n"
		"    TypeError: if items is not a sequence of QueryItem."},
	{Py_tp_new, Query_new},
	{Py_tp_dealloc, free_object},
	{Py_tp_richcompare, message_compare},
	{Py_tp_hash, message_hash},
	{Py_tp_repr, Query_repr},
	{Py_tp_getset, Query_getset},
	{Py_tp_methods, Query_methods},
	{0, NULL},
};

/* AppendCondition */

static PyObject *AppendCondition_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = {"fail_if_events_match", "after", NULL};
	PyObject *query, *after = Py_None;
	uint64_t number = 0;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:AppendCondition", names, &query, &after))
		return NULL;
	if (Py_TYPE(query) != Query_Type) {
		PyErr_Format(PyExc_TypeError, "fail_if_events_match must be a Query, not %R", (PyObject *)Py_TYPE(query));
		return NULL;
	}
	if (after != Py_None && to_unsigned(after, "after", 64, &number) < 0)
		return NULL;
	AppendCondition *c = PyObject_New(AppendCondition, type);
	if (c == NULL)
		return NULL;
	c->query = Py_NewRef(query);
	c->after = number;
	c->has_after = after != Py_None;
	return (PyObject *)c;
}

static void AppendCondition_dealloc(PyObject *self)
{
	Py_DECREF(((AppendCondition *)self)->query);
	free_object(self);
}

static PyObject *AppendCondition_query(PyObject *self, void *closure)
{
	(void)closure;
	return Py_NewRef(((AppendCondition *)self)->query);
}

static PyObject *AppendCondition_after(PyObject *self, void *closure)
{
	(void)closure;
	AppendCondition *c = (AppendCondition *)self;
	if (!c->has_after)
		Py_RETURN_NONE;
	return PyLong_FromUnsignedLongLong(c->after);
}

static PyObject *AppendCondition_arguments(PyObject *self)
{
	return Py_BuildValue("(NN)", AppendCondition_query(self, NULL), AppendCondition_after(self, NULL));
}

static PyObject *AppendCondition_compare(PyObject *a, PyObject *b, int op)
{
	if (Py_TYPE(a) != Py_TYPE(b) || (op != Py_EQ && op != Py_NE))
		return not_implemented();
	AppendCondition *x = (AppendCondition *)a, *y = (AppendCondition *)b;
	int same = x->has_after == y->has_after && x->after == y->after && same_bytes(x->query, y->query);
	return PyBool_FromLong(same == (op == Py_EQ));
}

static Py_hash_t AppendCondition_hash(PyObject *self) { return hash_of(AppendCondition_arguments(self)); }

static PyObject *AppendCondition_repr(PyObject *self)
{
	return repr_of("AppendCondition(fail_if_events_match=%r, after=%r)", AppendCondition_arguments(self));
}

static PyObject *AppendCondition_reduce(PyObject *self, PyObject *none)
{
	(void)none;
	return reduce_to(self, AppendCondition_arguments(self));
}

static PyGetSetDef AppendCondition_getset[] = {
	{"fail_if_events_match", AppendCondition_query, NULL, "The query that matches conflicting events (Query).", NULL},
	{"after", AppendCondition_after, NULL, "Only events after this position count (int); None for all.", NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef AppendCondition_methods[] = {
	{"__reduce__", AppendCondition_reduce, METH_NOARGS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyType_Slot AppendCondition_slots[] = {
	{Py_tp_doc,
		"AppendCondition(fail_if_events_match, after=None)\n--\n\n"
		"Makes an append fail if an event matches the query. Immutable.\n\n"
		"Args:\n"
		"    fail_if_events_match: the query that the decision was based on (Query).\n"
		"    after: only events after this position count (int): the head of that read; None for all.\n\n"
		"Raises:\n"
		"    TypeError: if an argument has the wrong type.\n"
		"    ValueError: if after is not an unsigned 64-bit integer."},
	{Py_tp_new, AppendCondition_new},
	{Py_tp_dealloc, AppendCondition_dealloc},
	{Py_tp_richcompare, AppendCondition_compare},
	{Py_tp_hash, AppendCondition_hash},
	{Py_tp_repr, AppendCondition_repr},
	{Py_tp_getset, AppendCondition_getset},
	{Py_tp_methods, AppendCondition_methods},
	{0, NULL},
};

SPEC(QueryItem, offsetof(Message, bytes), 1);
SPEC(Query, offsetof(Message, bytes), 1);
SPEC(AppendCondition, sizeof(AppendCondition), 0);

int query_init(PyObject *module)
{
	QueryItem_Type = add_type(module, &QueryItem_spec);
	Query_Type = add_type(module, &Query_spec);
	AppendCondition_Type = add_type(module, &AppendCondition_spec);
	return QueryItem_Type && Query_Type && AppendCondition_Type ? 0 : -1;
}

// Package console has the web pages on which people look at an event store.
//
// A page is a path, a function that loads its data, and a template of the same name. The data is
// also at the path with ".json" and, if it is a table, with ".csv". Everything that a page shows is
// in its URL, so that a view is a link. Pages work without scripts; scripts refresh parts of them,
// complete names and draw charts.
//
// All files that a page loads are embedded: static has our own, static/lib those of libraries.
package console

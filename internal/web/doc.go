// Package web serves HTTP for a server of events: it authenticates requests, bounds what they use,
// and answers errors. Package console has the pages, package httpapi the API.
//
// A request uses a Backend, which is always a client of a server, with the key of the request. So
// the server decides what a key may do, and the console of a server, of another server, and of a
// directory are the same.
package web

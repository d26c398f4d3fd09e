// Package admin is the service of an UmaDB server for its operators, and its client: the state
// of the server and of its store, the clients, and the log as stored.
//
// The files: service.go (registration, Status), stats.go (what the index counts),
// sessions.go (connections and calls), groups.go (the log as stored), scrub.go, client.go.
package admin

// Package peer passes appends from one server of a shared log to another, the preferred writer.
// Servers that propose to a shared log at the same time mostly lose, and one of them may lose all
// the time. If all appends are proposed by one server, none is lost.
//
// The preferred writer is a hint: the server that wrote the last record, if that was a moment
// ago. What is appended, and where, is decided by the shared log only. So a wrong hint costs time:
//
//   - A server that cannot be reached, or that refuses the call before it has an effect, is avoided
//     for some seconds. The append is proposed here, and so this server becomes the preferred one.
//   - A forwarded append is a method of its own, which never forwards: hints that point to each other
//     are no loop.
//   - A server of another log refuses the method, or does not have it.
//   - If the connection breaks while the other server may have the append, it may be in the log
//     or arrive there later. It must not be proposed here as well, unless a store recognises that it is
//     repeated. So the caller learns that the outcome is unknown.
//
// Package sharedlog/model has these rules, and what happens without them.
package peer

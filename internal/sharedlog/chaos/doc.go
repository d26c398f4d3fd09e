// Package chaos tests servers of a shared log as processes, with a real engine, while processes
// are killed and stopped, connections fail and disks are full. It has no code but its tests:
//
//   - links are proxies between processes, with faults;
//   - nodes are servers of the shared log, and an engine keeps that log;
//   - clients append, read and subscribe at all nodes, and record what they did in a history;
//   - the nemesis causes faults by a schedule that a seed determines;
//   - the checker compares the history with the events that are in the log at the end.
//
// The checker has tests of its own: it must find each violation that is planted in a history.
package chaos

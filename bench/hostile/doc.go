// Command hostile attacks a server of its own on loopback and watches what a
// steady client, which calls it 20 times a second in each way, notices of that.
// It is a defensive test: it starts the server itself, on a new directory, and
// connects to nothing else.
//
// Each attack runs against a process of its own, "umadb serve" with an API key,
// in a memory limit of 1 GiB, without TLS and with it:
//
//  1. The store is filled as the attack needs it, and the steady client begins.
//  2. The attackers run in another process, at a lower priority: on a real
//     network they would not use the CPU of the server. Those whose point is
//     memory or locking are limited in their calls per second.
//  3. The attackers are gone; the memory must return to what it was.
//  4. The attackers come back, and the server gets SIGTERM.
//
// A file attack_*.go has one family of attacks; attacks.go lists them all.
package main

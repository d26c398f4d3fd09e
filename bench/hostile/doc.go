// Command hostile attacks a server on loopback and measures the effect on a steady
// client, which makes each kind of call 20 times a second. It is a defensive test:
// it starts the server itself, with a new directory, and connects to nothing else.
//
// Each attack runs against a new process, "umadb serve" with an API key and a
// memory limit of 1 GiB, without and with TLS:
//
//  1. The store is filled as the attack requires, and the steady client starts.
//  2. The attackers run in another process with a lower priority: on a real
//     network they would not use the CPU of the server. Attacks on memory or locks
//     are limited in calls per second.
//  3. The attackers stop; the memory must return to its former size.
//  4. The attackers start again, and the server receives SIGTERM.
//
// Each file attack_*.go contains one family of attacks; attacks.go lists them all.
package main

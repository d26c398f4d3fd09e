// Package architecture tests the rules of this repository: which room may
// import which, what must be documented, and how long a file may grow.
package architecture

// Package architecture tests the rules of this repository: which package may
// import which, what must be documented, how long a file may be, and which phrases
// must not be used.
package architecture

package servertest

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Reserved ports are below the ports that operating systems assign to sockets without
// a port (from 32768 on Linux, from 49152 on macOS), so that no such socket takes one.
const (
	firstReserved = 10_000
	pastReserved  = 30_000
)

// ReserveAddress returns a loopback address on which nothing listens, for a server or
// a proxy that needs its port in advance. It belongs to the caller until release or until
// the end of this process. A server of this project needs no reserved address unless
// it is restarted: StartOnFreePort lets the operating system assign its port.
//
// A port that was merely free a moment ago may be taken by another process before the
// server listens on it, and then a test talks to a server of another test. Therefore
// all tests and benchmarks, in Go and in Python (python/tests/processes.py), reserve
// ports by the same convention: the process that listens on the even port N of
// 127.0.0.1, for N from 10000 to 29998, owns the port N+1. It accepts no connections.
// The operating system releases the port when the process ends, however it ends.
func ReserveAddress() (address string, release func(), err error) {
	const pairs = (pastReserved - firstReserved) / 2
	start := rand.IntN(pairs)
	for i := range pairs {
		even := firstReserved + (start+i)%pairs*2
		reservation, err := net.Listen("tcp", loopback(even))
		if err != nil {
			continue
		}
		if address := loopback(even + 1); isFree(address) {
			return address, func() { reservation.Close() }, nil
		}
		reservation.Close()
	}
	return "", nil, errors.New("no port from 10000 to 29999 can be reserved")
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// isFree reports whether a server can listen on an address.
func isFree(address string) bool {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	listener.Close()
	return true
}

// Address is like ReserveAddress, for a test: it releases the address at its end.
func Address(t testing.TB) string {
	t.Helper()
	address, release, err := ReserveAddress()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return address
}

package main

import "syscall"

// attackerNice is the priority of the attackers. The server and the steady client
// have precedence, as if the attackers had their own machines.
const attackerNice = 10

// lowerPriority lowers the priority of this process.
func lowerPriority() { syscall.Setpriority(syscall.PRIO_PROCESS, 0, attackerNice) }

// narrow makes the receive buffer and the segments of a socket small before it
// connects, so that an unread response soon blocks the server.
func narrow(_, _ string, socket syscall.RawConn) error {
	return socket.Control(func(fd uintptr) {
		syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 2048)
		syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 536)
	})
}

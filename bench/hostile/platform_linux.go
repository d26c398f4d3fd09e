package main

import "syscall"

// attackerNice lowers the priority of the attackers: the server and the steady
// client come first, as if the attackers had machines of their own.
const attackerNice = 10

// childAttributes keep a child out of reach of the terminal's Ctrl-C, which is
// for this process to act on, and end it should this process be killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// lowerPriority is called by the attackers' process, for itself.
func lowerPriority() { syscall.Setpriority(syscall.PRIO_PROCESS, 0, attackerNice) }

// narrow makes the buffers of a socket small before it connects, as they are on
// a real network: a server soon finds that nobody reads what it has sent.
func narrow(_, _ string, socket syscall.RawConn) error {
	return socket.Control(func(fd uintptr) {
		syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 2048)
		syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 536)
	})
}

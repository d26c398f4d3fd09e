package servertest

import "syscall"

// childAttributes puts a process in its own process group, so that Ctrl-C reaches only
// this process, and makes the kernel kill it if this process dies.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

package pgtest

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// users are the users of a server that root starts, in order of preference.
var users = []string{"postgres", "daemon"}

// ids returns the IDs of the user of the servers, who must not be root.
func ids() (uid, gid int) {
	if os.Geteuid() != 0 {
		return os.Geteuid(), os.Getegid()
	}
	for _, name := range users {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ = strconv.Atoi(found.Uid)
		gid, _ = strconv.Atoi(found.Gid)
		return uid, gid
	}
	return 0, 0 // the server refuses to start, and says why
}

// attributes make a process run as that user, in a process group of its own, and end with the
// test.
func attributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGQUIT}
	if os.Geteuid() == 0 {
		uid, gid := ids()
		a.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return a
}

// own makes a file belong to the user of the servers.
func own(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	uid, gid := ids()
	return os.Chown(path, uid, gid)
}

package cli_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/umadb-go/umadb/internal/servertest"
)

// The scripts in testdata/script run commands and check their output. Their syntax is that
// of testscript (see "go doc testscript"). umadb runs this command line in a process of its
// own.
//
// Scripts in both/ run twice: with a directory in UMADB_DB_PATH, and with a server in
// UMADB_URL. So they do not name a store. Scripts in directory/ have UMADB_DB_PATH only.
// Scripts in server/ have neither, and start their own servers. The conditions [directory]
// and [server] are true in the respective run, and [root] if the user is root, to whom
// permissions do not apply.
//
// Scripts can use these commands in addition to those of testscript:
//
//	exitcode N program [arguments...]
//	    Runs a program, which must exit with code N. stdin, stdout and stderr
//	    are as with exec.
//	oneline FILE
//	    The file, or stderr, must be one line that starts with "umadb: ", as every
//	    error does.
//	await PATTERN FILE
//	    Waits until the file matches the pattern. A program in the background
//	    writes it, as in
//	    exec sh -c 'exec umadb subscribe > out' &follower&
//	    await Joined out
//	    kill -INT follower
//	    wait follower
//	write FILE TEXT
//	    Writes a file whose content is the text, quoted as in Go: '"\x00\n"'.
//	untimed FROM TO
//	    Copies a file of lines of JSON, or stdout, without recorded_at. Each line of an
//	    event must have it, or none. Of text for people, the lines with times are left out.
//	corrupt DIRECTORY TEXT
//	    Changes a byte of the first occurrence of the text in the log of a store.
//	certificate
//	    Writes ca.pem, cert.pem and key.pem for a server on 127.0.0.1.
//	server NAME [flags...]
//	    Starts umadb serve with the directory $WORK/NAME.db and waits until it
//	    listens. A server that is started again has the same address as before.
//	    Sets $NAME_url, $NAME_address and $NAME_dir.
//	stopserver NAME
//	    Stops the server with SIGTERM. It must exit with code 0.
//	killserver NAME
//	    Kills the server.
//
// Servers that still run at the end of a script are killed.

// runScripts runs the scripts in a directory. mode is "directory" or "server".
func runScripts(t *testing.T, folder, mode string, setup func(*testscript.Env, *servers) error) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script", folder),
		Setup: func(env *testscript.Env) error {
			s := &servers{running: map[string]*servertest.Process{}, addresses: map[string]string{}}
			env.Values[serversKey{}] = s
			env.Defer(s.end)
			// Otherwise each process waits a second at its end under the race detector.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return setup(env, s)
		},
		Condition: func(condition string) (bool, error) {
			switch condition {
			case "directory", "server":
				return condition == mode, nil
			case "root":
				return os.Getuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", condition)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exitcode":    exitCodeCommand,
			"oneline":     oneLineCommand,
			"await":       awaitCommand,
			"write":       writeCommand,
			"untimed":     untimedCommand,
			"corrupt":     corruptCommand,
			"certificate": certificateCommand,
			"server":      serverCommand,
			"stopserver":  stopServerCommand,
			"killserver":  killServerCommand,
		},
		RequireUniqueNames: true,
	})
}

func TestScripts(t *testing.T) {
	inDirectory := func(env *testscript.Env, _ *servers) error {
		env.Setenv("UMADB_DB_PATH", filepath.Join(env.WorkDir, "uma.db"))
		return nil
	}
	onServer := func(env *testscript.Env, s *servers) error {
		err := s.start("both", "--db-path", filepath.Join(env.WorkDir, ".server", "uma.db"))
		env.Setenv("UMADB_URL", "http://"+s.addresses["both"])
		return err
	}
	withServers := func(*testscript.Env, *servers) error { return nil }

	t.Run("both/directory", func(t *testing.T) { runScripts(t, "both", "directory", inDirectory) })
	t.Run("both/server", func(t *testing.T) { runScripts(t, "both", "server", onServer) })
	t.Run("directory", func(t *testing.T) { runScripts(t, "directory", "directory", inDirectory) })
	t.Run("server", func(t *testing.T) { runScripts(t, "server", "server", withServers) })
}

// servers are the servers of a script, by name.
type servers struct {
	running   map[string]*servertest.Process
	addresses map[string]string // of servers that the script has started, reserved
	releases  []func()          // of the addresses
}

// serversKey is the key of a script's servers in its environment.
type serversKey struct{}

func serversOf(ts *testscript.TestScript) *servers { return ts.Value(serversKey{}).(*servers) }

// end kills the running servers and releases the addresses.
func (s *servers) end() {
	for _, p := range s.running {
		p.Kill()
	}
	for _, release := range s.releases {
		release()
	}
}

// start starts a server on its address, which it keeps after a restart.
func (s *servers) start(name string, flags ...string) error {
	address := s.addresses[name]
	if address == "" {
		reserved, release, err := servertest.ReserveAddress()
		if err != nil {
			return err
		}
		address, s.addresses[name], s.releases = reserved, reserved, append(s.releases, release)
	}
	flags = append([]string{"serve", "--listen", address}, flags...)
	p, err := servertest.StartUmaDB(context.Background(), command(flags...))
	if err == nil {
		s.running[name] = p
	}
	return err
}

// remove returns a running server and removes it from s.
func (s *servers) remove(ts *testscript.TestScript, args []string) *servertest.Process {
	if len(args) != 1 || s.running[args[0]] == nil {
		ts.Fatalf("no running server %q", args)
	}
	p := s.running[args[0]]
	delete(s.running, args[0])
	return p
}

// serverCommand implements "server NAME [flags...]".
func serverCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: server NAME [flags...]")
	}
	name, s := args[0], serversOf(ts)
	if s.running[name] != nil {
		ts.Fatalf("server %s is already running", name)
	}
	dir := ts.MkAbs(filepath.Join(ts.Getenv("WORK"), name+".db"))
	// Later flags override earlier ones.
	flags := append([]string{"--db-path", dir}, absoluteFiles(ts, args[1:])...)
	ts.Check(s.start(name, flags...))
	scheme := "http://"
	if slices.Contains(flags, "--tls-cert") {
		scheme = "https://"
	}
	ts.Setenv(name+"_dir", dir)
	ts.Setenv(name+"_address", s.addresses[name])
	ts.Setenv(name+"_url", scheme+s.addresses[name])
}

// absoluteFiles makes the files among flags absolute, because the server does not run in
// the directory of the script.
func absoluteFiles(ts *testscript.TestScript, flags []string) []string {
	var absolute []string
	for i, flag := range flags {
		if i > 0 && slices.Contains([]string{"--tls-cert", "--tls-key", "--client-ca", "--api-key-file", "--keys", "--db-path"}, flags[i-1]) {
			flag = ts.MkAbs(flag)
		}
		absolute = append(absolute, flag)
	}
	return absolute
}

// stopServerCommand implements "stopserver NAME".
func stopServerCommand(ts *testscript.TestScript, neg bool, args []string) {
	name := fmt.Sprint(args)
	p := serversOf(ts).remove(ts, args)
	if err := p.Stop(); err != nil {
		ts.Fatalf("server %s: %v", name, err)
	}
}

// killServerCommand implements "killserver NAME".
func killServerCommand(ts *testscript.TestScript, neg bool, args []string) {
	serversOf(ts).remove(ts, args).Kill()
}

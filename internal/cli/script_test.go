package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scenarios in testdata/script say what a person types, and what comes of it.
// They are scripts of testscript (see "go doc testscript"), in which umadb runs
// this command line in a process of its own.
//
// Those in both/ run twice: over a directory, which UMADB_DB_PATH names, and over
// a server, which UMADB_URL names. So they name neither. Those in directory/ have
// UMADB_DB_PATH only. Those in server/ have neither and start their own servers.
// The conditions [directory] and [server] tell which it is, where that matters, and
// [root] whether the user may write whatever the permissions say.
//
// Besides testscript's own commands, they have these:
//
//	exitcode N program [arguments...]
//	    Runs a program, which must end with the exit code N. stdin, stdout and
//	    stderr are as with exec.
//	oneline FILE
//	    The file, or stderr, must be one line that begins with "umadb: ", which is
//	    what every error looks like.
//	await PATTERN FILE
//	    Waits until the file has what matches the pattern: what a program in the
//	    background has written there, as in
//	    exec sh -c 'exec umadb subscribe > out' &follower&
//	    await Joined out
//	    kill -INT follower
//	    wait follower
//	write FILE TEXT
//	    Writes a file whose content is the text, quoted as in Go: '"\x00\n"'.
//	damage DIRECTORY TEXT
//	    Changes a byte of the first such text in the log of a store.
//	certificate
//	    Makes ca.pem, cert.pem and key.pem for a server on 127.0.0.1.
//	server NAME [flags...]
//	    Starts umadb serve over the directory $WORK/NAME.db, on a free port, and
//	    waits until it listens. Sets $NAME_url, $NAME_address and $NAME_dir.
//	stopserver NAME
//	    Asks the server to end, as an operator does, which must be with code 0.
//	killserver NAME
//	    Ends the server as a crash does.
//
// A server that still runs when its script ends is killed.

// scripts runs the scenarios of a folder.
func scripts(t *testing.T, folder, over string, setup func(*testscript.Env, servers) error) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script", folder),
		Setup: func(env *testscript.Env) error {
			running := servers{}
			env.Values[serversKey{}] = running
			env.Defer(running.kill)
			// Else each process waits a second at its end, under the race detector.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return setup(env, running)
		},
		Condition: func(condition string) (bool, error) {
			switch condition {
			case "directory", "server":
				return condition == over, nil
			case "root":
				return os.Getuid() == 0, nil
			}
			return false, fmt.Errorf("there is no condition %q", condition)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exitcode":    exitCodeCommand,
			"oneline":     oneLineCommand,
			"await":       awaitCommand,
			"write":       writeCommand,
			"damage":      damageCommand,
			"certificate": certificateCommand,
			"server":      serverCommand,
			"stopserver":  stopServerCommand,
			"killserver":  killServerCommand,
		},
		RequireUniqueNames: true,
	})
}

func TestScripts(t *testing.T) {
	inDirectory := func(env *testscript.Env, _ servers) error {
		env.Setenv("UMADB_DB_PATH", filepath.Join(env.WorkDir, "uma.db"))
		return nil
	}
	onServer := func(env *testscript.Env, running servers) error {
		p, err := launch("--db-path", filepath.Join(env.WorkDir, ".server", "uma.db"))
		if err != nil {
			return err
		}
		running["both"] = p
		env.Setenv("UMADB_URL", "http://"+p.address)
		return nil
	}
	withServers := func(*testscript.Env, servers) error { return nil }

	t.Run("both/directory", func(t *testing.T) { scripts(t, "both", "directory", inDirectory) })
	t.Run("both/server", func(t *testing.T) { scripts(t, "both", "server", onServer) })
	t.Run("directory", func(t *testing.T) { scripts(t, "directory", "directory", inDirectory) })
	t.Run("server", func(t *testing.T) { scripts(t, "server", "server", withServers) })
}

// servers are those that a script has started, by name.
type servers map[string]*process

// serversKey is where a script's servers are kept.
type serversKey struct{}

func serversOf(ts *testscript.TestScript) servers { return ts.Value(serversKey{}).(servers) }

func (s servers) kill() {
	for name, p := range s {
		p.kill()
		delete(s, name)
	}
}

// named gives a running server, and forgets it.
func (s servers) named(ts *testscript.TestScript, args []string) *process {
	if len(args) != 1 || s[args[0]] == nil {
		ts.Fatalf("name a server that runs, not %q", args)
	}
	p := s[args[0]]
	delete(s, args[0])
	return p
}

// serverCommand is "server NAME [flags...]".
func serverCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: server NAME [flags...]")
	}
	name, running := args[0], serversOf(ts)
	if running[name] != nil {
		ts.Fatalf("the server %s runs already", name)
	}
	dir := ts.MkAbs(filepath.Join(ts.Getenv("WORK"), name+".db"))
	// Flags that come later win.
	flags := append([]string{"--db-path", dir}, absoluteFiles(ts, args[1:])...)
	p, err := launch(flags...)
	ts.Check(err)
	running[name] = p
	scheme := "http://"
	for _, flag := range flags {
		if flag == "--tls-cert" {
			scheme = "https://"
		}
	}
	ts.Setenv(name+"_dir", dir)
	ts.Setenv(name+"_address", p.address)
	ts.Setenv(name+"_url", scheme+p.address)
}

// absoluteFiles makes the files among flags absolute, for the server does not
// run in the script's folder.
func absoluteFiles(ts *testscript.TestScript, flags []string) []string {
	var absolute []string
	for i, flag := range flags {
		if i > 0 && slices.Contains([]string{"--tls-cert", "--tls-key", "--api-key-file", "--db-path"}, flags[i-1]) {
			flag = ts.MkAbs(flag)
		}
		absolute = append(absolute, flag)
	}
	return absolute
}

// stopServerCommand is "stopserver NAME".
func stopServerCommand(ts *testscript.TestScript, neg bool, args []string) {
	name := fmt.Sprint(args)
	p := serversOf(ts).named(ts, args)
	ts.Check(p.Process.Signal(syscall.SIGTERM))
	code, err := p.end()
	ts.Check(err)
	if code != 0 {
		ts.Fatalf("the server %s ended with code %d", name, code)
	}
}

// killServerCommand is "killserver NAME".
func killServerCommand(ts *testscript.TestScript, neg bool, args []string) {
	serversOf(ts).named(ts, args).kill()
}

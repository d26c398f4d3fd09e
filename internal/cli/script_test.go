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
//	corrupt DIRECTORY TEXT
//	    Changes a byte of the first occurrence of the text in the log of a store.
//	certificate
//	    Writes ca.pem, cert.pem and key.pem for a server on 127.0.0.1.
//	server NAME [flags...]
//	    Starts umadb serve with the directory $WORK/NAME.db, on a free port, and
//	    waits until it listens. Sets $NAME_url, $NAME_address and $NAME_dir.
//	stopserver NAME
//	    Stops the server with SIGTERM. It must exit with code 0.
//	killserver NAME
//	    Kills the server.
//
// Servers that still run at the end of a script are killed.

// runScripts runs the scripts in a directory. mode is "directory" or "server".
func runScripts(t *testing.T, folder, mode string, setup func(*testscript.Env, servers) error) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script", folder),
		Setup: func(env *testscript.Env) error {
			running := servers{}
			env.Values[serversKey{}] = running
			env.Defer(running.kill)
			// Otherwise each process waits a second at its end under the race detector.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return setup(env, running)
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

	t.Run("both/directory", func(t *testing.T) { runScripts(t, "both", "directory", inDirectory) })
	t.Run("both/server", func(t *testing.T) { runScripts(t, "both", "server", onServer) })
	t.Run("directory", func(t *testing.T) { runScripts(t, "directory", "directory", inDirectory) })
	t.Run("server", func(t *testing.T) { runScripts(t, "server", "server", withServers) })
}

// servers are the running servers of a script, by name.
type servers map[string]*process

// serversKey is the key of a script's servers in its environment.
type serversKey struct{}

func serversOf(ts *testscript.TestScript) servers { return ts.Value(serversKey{}).(servers) }

func (s servers) kill() {
	for name, p := range s {
		p.kill()
		delete(s, name)
	}
}

// remove returns a running server and removes it from s.
func (s servers) remove(ts *testscript.TestScript, args []string) *process {
	if len(args) != 1 || s[args[0]] == nil {
		ts.Fatalf("no running server %q", args)
	}
	p := s[args[0]]
	delete(s, args[0])
	return p
}

// serverCommand implements "server NAME [flags...]".
func serverCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: server NAME [flags...]")
	}
	name, running := args[0], serversOf(ts)
	if running[name] != nil {
		ts.Fatalf("server %s is already running", name)
	}
	dir := ts.MkAbs(filepath.Join(ts.Getenv("WORK"), name+".db"))
	// Later flags override earlier ones.
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

// absoluteFiles makes the files among flags absolute, because the server does not run in
// the directory of the script.
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

// stopServerCommand implements "stopserver NAME".
func stopServerCommand(ts *testscript.TestScript, neg bool, args []string) {
	name := fmt.Sprint(args)
	p := serversOf(ts).remove(ts, args)
	ts.Check(p.Process.Signal(syscall.SIGTERM))
	code, err := p.end()
	ts.Check(err)
	if code != 0 {
		ts.Fatalf("server %s exited with code %d", name, code)
	}
}

// killServerCommand implements "killserver NAME".
func killServerCommand(ts *testscript.TestScript, neg bool, args []string) {
	serversOf(ts).remove(ts, args).kill()
}

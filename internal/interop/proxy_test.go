package interop_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/servertest"
)

// proxy is a reverse proxy with the configuration of docs/proxies.md except for
// addresses and files.
type proxy struct {
	name     string   // of the program and of its block in the page
	packages []string // Debian packages: the program and its dependencies
	listen   string   // the listen directive in the page
	at       string   // the listen directive of the test; %s is the port
	wrap     string   // the configuration around the block; %[1]s is a directory, %[2]s the block
	command  []string // arguments; CONFIG is replaced by the file
}

var proxies = []*proxy{
	{
		name: "nginx", packages: []string{"nginx"},
		listen: "listen 443 ssl", at: "listen 127.0.0.1:%s ssl",
		wrap: `daemon off; master_process off; pid %[1]s/pid; error_log stderr;
events {}
http {
access_log off;
client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
%[2]s
}
`,
		command: []string{"-c", "CONFIG"},
	},
	{
		name: "haproxy", packages: []string{"haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1"},
		listen: "bind :443", at: "bind 127.0.0.1:%s",
		wrap:    "%[2]s",
		command: []string{"-db", "-f", "CONFIG"},
	},
	{
		name: "caddy", packages: []string{"caddy"},
		listen: "events.example.com:443 {", at: "https://localhost:%s {\nbind 127.0.0.1",
		wrap:    "{\nadmin off\nauto_https disable_redirects\nskip_install_trust\n}\n%[2]s",
		command: []string{"run", "--adapter", "caddyfile", "--config", "CONFIG"},
	},
}

// start starts the proxy in front of a server and returns the proxy's address.
// changes are pairs of old and new text in the configuration of the page.
func (p *proxy) start(t *testing.T, server *testServer, changes ...string) *testServer {
	t.Helper()
	program, libraries := debianProgram(t, p.name, p.packages...)
	dir := t.TempDir()
	files, err := servertest.WriteCertificate(dir)
	if err != nil {
		t.Fatal(err)
	}
	address := servertest.Address(t)
	_, port, _ := net.SplitHostPort(address)
	replaced := append(changes,
		p.listen, fmt.Sprintf(p.at, port),
		"127.0.0.1:50051", strings.TrimPrefix(server.url, "http://"),
		"/etc/ssl/server.pem", p.certificate(t, files),
		"/etc/ssl/server.key", files.Key,
	)
	block := proxyConfiguration(t, p.name)
	for i := 0; i < len(replaced); i += 2 {
		if strings.Contains(replaced[i], "key") && p.name == "haproxy" {
			continue
		}
		if !strings.Contains(block, replaced[i]) {
			t.Fatalf("the configuration of %s in docs/proxies.md has no %q", p.name, replaced[i])
		}
		block = strings.ReplaceAll(block, replaced[i], replaced[i+1])
	}
	config := filepath.Join(dir, "config")
	if err := os.WriteFile(config, fmt.Appendf(nil, p.wrap, dir, block), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	for _, word := range p.command {
		cmd.Args = append(cmd.Args, strings.ReplaceAll(word, "CONFIG", config))
	}
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "LD_LIBRARY_PATH="+libraries)
	process, err := servertest.StartListener(t.Context(), cmd, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		process.Kill()
		if t.Failed() {
			t.Logf("output of %s:\n%s", p.name, process.Output)
		}
	})
	return &testServer{url: "https://localhost:" + port, ca: files.CA, apiKey: server.apiKey, process: process}
}

// certificate returns the certificate file for the proxy. For HAProxy the file also
// contains the key.
func (p *proxy) certificate(t *testing.T, files servertest.Certificate) string {
	t.Helper()
	if p.name != "haproxy" {
		return files.Cert
	}
	var both []byte
	for _, file := range []string{files.Cert, files.Key} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, content...)
	}
	file := filepath.Join(t.TempDir(), "both.pem")
	if err := os.WriteFile(file, both, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// proxyConfiguration returns a block of docs/proxies.md.
func proxyConfiguration(t *testing.T, language string) string {
	t.Helper()
	found := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindStringSubmatch(readDocument(t, "docs/proxies.md"))
	if found == nil {
		t.Fatalf("docs/proxies.md has no configuration of %s", language)
	}
	return found[1]
}

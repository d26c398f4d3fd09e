package browsertest_test

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/internal/servertest"
)

// The pages of "umadb console" work with the released server: they leave out what it does not offer,
// or say that it does not.
func TestReleasedServer(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	released := filepath.Join(servertest.OrSkip(t, servertest.InstallReleased), "umadb")
	address := servertest.Address(t)
	process, err := servertest.StartUmaDB(t.Context(), exec.Command(released, "--db-path", filepath.Join(t.TempDir(), "uma.db"), "--listen", address))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Kill)
	s := serveOther(t, "http://"+address)
	if s.store, err = client.Dial("http://"+address, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.store.Close() })
	s.append(t, courses(10)...)
	s.append(t, odd()...)

	b := newTab(t)
	b.accepted = func(problem string) bool { return strings.Contains(problem, "501") }
	checked := newAccessibility(t)
	checked.first, checked.others = quickModes[:1], quickModes[:1] // TestPages checks the others
	b.open(s.url)
	b.mustBeFine()
	visit(b, []string{eval[string](b, `location.origin + "/"`)}, 2, func(path string) {
		checked.page(b)
		mustNotRun(b)
		if b.status() == http.StatusNotImplemented && eval[string](b, `document.querySelector("main [role=alert]")?.textContent.trim() ?? ""`) == "" {
			t.Errorf("%s does not say what the server does not offer", path)
		}
	})
}

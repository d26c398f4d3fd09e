package browsertest_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// startTimeout and stepTimeout bound the start of the browser and each step of a test in it.
const (
	startTimeout = 2 * time.Minute
	stepTimeout  = time.Minute
)

var (
	// stopBrowser ends the browser.
	stopBrowser = func() {}
	// temporary is the directory with the program under test and with the profile of the browser.
	temporary string
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "umadb-browser-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	temporary = dir
	defer func() { stopBrowser() }()
	return m.Run()
}

// startBrowser starts the browser that all tests share.
var startBrowser = sync.OnceValues(func() (context.Context, error) {
	found, err := findBrowser()
	if err != nil {
		return nil, err
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(found.program), chromedp.UserDataDir(filepath.Join(temporary, "profile")), chromedp.WSURLReadTimeout(startTimeout),
		chromedp.Headless, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.DisableGPU,
	}
	for _, flag := range []string{"no-sandbox", "disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "disable-extensions", "disable-dev-shm-usage", "hide-scrollbars"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	// With the locale C, the browser may have a language that is not valid for Intl.NumberFormat.
	options = append(options, chromedp.Flag("force-color-profile", "srgb"), chromedp.Env("LANG=en_US.UTF-8", "LC_ALL=en_US.UTF-8"))
	if found.dir != "" {
		options = append(options, chromedp.Flag("no-zygote", true), // its program has no zygote
			chromedp.Env("LD_LIBRARY_PATH="+filepath.Join(found.dir, "lib"), "FONTCONFIG_FILE="+filepath.Join(found.dir, "fonts.conf")))
	}
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(allocator)
	stopBrowser = func() { stop(); stopAllocator() }
	return ctx, start(ctx, stop, startTimeout)
})

// start runs the first step in a context, which must not have a deadline, since the browser and the
// tab live as long as it.
func start(ctx context.Context, stop context.CancelFunc, timeout time.Duration) error {
	timer := time.AfterFunc(timeout, stop)
	defer timer.Stop()
	return chromedp.Do(ctx)
}

// newTab opens a tab with cookies of its own.
func newTab(t *testing.T) *tab {
	t.Helper()
	needBrowser(t)
	parent, err := startBrowser()
	if err != nil {
		t.Fatal(err)
	}
	opened := &tab{t: t, pending: map[network.RequestID]request{}}
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithNewBrowserContext(), chromedp.WithListener(opened.observe))
	t.Cleanup(cancel)
	opened.ctx = ctx
	if err := start(ctx, cancel, stepTimeout); err != nil {
		t.Fatal(err)
	}
	opened.show(1280, 800, "light")
	return opened
}

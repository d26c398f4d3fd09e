package browsertest_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/andybalholm/brotli"

	"github.com/umadb-go/umadb/internal/servertest"
)

// The npm packages with the browser and the checks of accessibility.
const (
	chromiumPackage = "@sparticuz/chromium@153.0.0"
	axePackage      = "axe-core@4.14.1"
)

const installHint = "the tests of the console need a browser and npm: sudo apt-get install -y chromium npm"

// browser is an installed browser.
type browser struct {
	program string
	dir     string // with libraries and fonts of the program; empty if it is that of the system
}

// findBrowser returns the browser of the system, or installs one.
var findBrowser = sync.OnceValues(func() (*browser, error) {
	names := []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}
	if runtime.GOOS == "darwin" {
		names = append(names, "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium")
	}
	for _, name := range names {
		if program, err := exec.LookPath(name); err == nil && os.Getenv("UMADB_TEST_BROWSER") != "npm" {
			return &browser{program: program}, nil
		}
	}
	if !hasPackage {
		return nil, errors.New(installHint)
	}
	dir := filepath.Join(servertest.Repository(), ".cache", "browser", "chromium")
	if err := installPackage(dir, chromiumPackage, unpackBrowser); err != nil {
		return nil, err
	}
	return &browser{program: filepath.Join(dir, "chromium"), dir: dir}, nil
})

// hasPackage reports whether the npm package has a browser for this platform.
const hasPackage = runtime.GOOS == "linux" && runtime.GOARCH == "amd64"

// needBrowser returns the browser, or skips the test. Where the npm package has one, no variable
// leaves the test out.
func needBrowser(t *testing.T) *browser {
	t.Helper()
	if !hasPackage && os.Getenv("UMADB_TEST_BROWSER") == "none" {
		t.Skipf("UMADB_TEST_BROWSER=none: no test in a browser on %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	servertest.OrSkip(t, func() (string, error) {
		_, err := findBrowser()
		return "", err
	})
	found, _ := findBrowser()
	return found
}

// needAxe returns the script of axe-core, or skips the test.
func needAxe(t *testing.T) string {
	t.Helper()
	script := servertest.OrSkip(t, sync.OnceValues(func() (string, error) {
		dir := filepath.Join(servertest.Repository(), ".cache", "browser", "axe-core")
		err := installPackage(dir, axePackage, func(string) error { return nil })
		return filepath.Join(dir, "package", "axe.min.js"), err
	}))
	source, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// installPackage unpacks an npm package into a directory, unless an earlier run did. Then it calls
// complete.
func installPackage(dir, name string, complete func(dir string) error) error {
	mark := filepath.Join(dir, "installed")
	isComplete := func() bool {
		have, err := os.ReadFile(mark)
		return err == nil && string(have) == name
	}
	return servertest.InstallOnce(dir, isComplete, func() error {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		var stderr strings.Builder
		pack := exec.CommandContext(ctx, "npm", "pack", "--silent", "--pack-destination", dir, name)
		pack.Stderr = &stderr
		archive, err := pack.Output()
		if err != nil {
			return fmt.Errorf("cannot get the npm package %s: %w %s; %s", name, err, stderr.String(), installHint)
		}
		file := filepath.Join(dir, strings.TrimSpace(string(archive)))
		gzipped := func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }
		if err := unpackTar(file, dir, gzipped); err != nil {
			return err
		}
		if err := complete(dir); err != nil {
			return fmt.Errorf("cannot unpack the npm package %s: %w", name, err)
		}
		if err := os.Remove(file); err != nil {
			return err
		}
		return os.WriteFile(mark, []byte(name), 0o600)
	})
}

// unpackBrowser unpacks the program, its libraries and its fonts.
func unpackBrowser(dir string) error {
	bin := filepath.Join(dir, "package", "bin")
	compressed := func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil }
	for _, archive := range []string{"al2023.tar.br", "fonts.tar.br", "swiftshader.tar.br"} {
		if err := unpackTar(filepath.Join(bin, archive), dir, compressed); err != nil {
			return err
		}
	}
	in, err := os.Open(filepath.Join(bin, "chromium.br"))
	if err != nil {
		return err
	}
	defer in.Close()
	if err := writeFile(filepath.Join(dir, "chromium"), brotli.NewReader(in), 0o755); err != nil {
		return err
	}
	config := fmt.Sprintf(`<?xml version="1.0"?><fontconfig><dir>%s</dir><dir>/usr/share/fonts</dir><cachedir>%s</cachedir></fontconfig>`,
		filepath.Join(dir, "fonts"), filepath.Join(dir, "fonts-cache"))
	if err := os.WriteFile(filepath.Join(dir, "fonts.conf"), []byte(config), 0o600); err != nil {
		return err
	}
	return os.RemoveAll(bin)
}

// unpackTar unpacks a compressed archive.
func unpackTar(file, dir string, decompress func(io.Reader) (io.Reader, error)) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	content, err := decompress(in)
	if err != nil {
		return err
	}
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if !filepath.IsLocal(header.Name) {
			return fmt.Errorf("%s: the name %q is not a path in the archive", file, header.Name)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		if err := writeFile(filepath.Join(dir, header.Name), archive, header.FileInfo().Mode().Perm()); err != nil {
			return err
		}
	}
}

func writeFile(name string, content io.Reader, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, content)
	return errors.Join(err, out.Close())
}

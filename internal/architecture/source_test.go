package architecture_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// module is the import path of the repository's root.
const module = "github.com/umadb-go/umadb"

// source is a Go file, for any platform.
type source struct {
	path   string // relative to the root, with slashes
	lines  int
	syntax *ast.File
}

// pkg returns the directory of the file, "." for the root.
func (s *source) pkg() string { return path.Dir(s.path) }

func (s *source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// imports returns the packages of this module that the file imports.
func (s *source) imports() (packages []string) {
	for _, spec := range s.syntax.Imports {
		imported := strings.Trim(spec.Path.Value, `"`)
		if imported == module {
			packages = append(packages, ".")
		} else if pkg, ok := strings.CutPrefix(imported, module+"/"); ok {
			packages = append(packages, pkg)
		}
	}
	return packages
}

var files = token.NewFileSet()

// sources returns all Go files of the module that are not generated.
func sources(t *testing.T) []*source {
	t.Helper()
	all, err := readSources()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var readSources = sync.OnceValues(func() (all []*source, err error) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return nil, err
	}
	err = fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		base := path.Base(name)
		hidden := name != "." && strings.ContainsAny(base[:1], "._")
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (hidden || base == "testdata" || base == "bin"):
			return fs.SkipDir
		case entry.IsDir() || hidden || path.Ext(name) != ".go":
			return nil
		}
		file := filepath.Join(root, filepath.FromSlash(name))
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(files, file, content, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if !ast.IsGenerated(syntax) {
			all = append(all, &source{path: name, lines: strings.Count(string(content), "\n"), syntax: syntax})
		}
		return nil
	})
	return all, err
})

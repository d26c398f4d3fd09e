package architecture_test

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"testing"
)

// maxLines is the maximum length of a Go file.
const maxLines = 500

func TestNoFileIsTooLong(t *testing.T) {
	for _, file := range sources(t) {
		if file.lines > maxLines {
			t.Errorf("%s has %d lines, over %d: split it", file.path, file.lines, maxLines)
		}
	}
}

func TestNoLeftoverComments(t *testing.T) {
	leftover := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XXX)\b`)
	for _, file := range sources(t) {
		for _, group := range file.syntax.Comments {
			for _, comment := range group.List {
				if leftover.MatchString(comment.Text) {
					t.Errorf("%s: %s", files.Position(comment.Pos()), comment.Text)
				}
			}
		}
	}
}

func TestEveryPackageIsDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, file := range sources(t) {
		if !file.isTest() {
			documented[file.pkg()] = documented[file.pkg()] || file.syntax.Doc != nil
		}
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment", pkg)
		}
	}
}

func TestEveryExportedNameIsDocumented(t *testing.T) {
	for _, file := range sources(t) {
		if file.isTest() {
			continue
		}
		for _, declaration := range file.syntax.Decls {
			for _, name := range undocumented(declaration) {
				t.Errorf("%s: exported name %s has no comment", files.Position(name.Pos()), name.Name)
			}
		}
	}
}

// undocumented returns the exported names of a declaration without a comment. One
// comment is enough for a group of constants or variables.
func undocumented(declaration ast.Decl) (names []*ast.Ident) {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && hasExportedReceiver(d) && !isStandardMethod(d) {
			names = append(names, d.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && s.Doc == nil && (d.Doc == nil || len(d.Specs) > 1) {
					names = append(names, s.Name)
				}
			case *ast.ValueSpec:
				if s.Doc != nil || s.Comment != nil || d.Doc != nil {
					continue
				}
				for _, name := range s.Names {
					if name.IsExported() && d.Tok != token.IMPORT {
						names = append(names, name)
					}
				}
			}
		}
	}
	return names
}

// isStandardMethod reports whether a method needs no comment because it implements
// a well-known interface.
func isStandardMethod(d *ast.FuncDecl) bool {
	return d.Recv != nil && slices.Contains([]string{"Error", "String", "Unwrap"}, d.Name.Name)
}

// hasExportedReceiver reports whether d is a function, or a method of an exported
// type.
func hasExportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	receiver := d.Recv.List[0].Type
	for {
		switch r := receiver.(type) {
		case *ast.StarExpr:
			receiver = r.X
		case *ast.IndexExpr:
			receiver = r.X
		case *ast.IndexListExpr:
			receiver = r.X
		case *ast.Ident:
			return r.IsExported()
		default:
			return false
		}
	}
}

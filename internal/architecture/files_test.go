package architecture_test

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"testing"
)

// longest is the number of lines that a newcomer reads in one sitting.
const longest = 500

func TestNoFileIsTooLong(t *testing.T) {
	for _, file := range sources(t) {
		if file.lines > longest {
			t.Errorf("%s has %d lines, over %d: it is probably two things", file.path, file.lines, longest)
		}
	}
}

func TestNothingIsLeftToDo(t *testing.T) {
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
			documented[file.room()] = documented[file.room()] || file.syntax.Doc != nil
		}
	}
	for room, is := range documented {
		if !is {
			t.Errorf("no file of %s says what the package is", room)
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
				t.Errorf("%s: %s is exported and says nothing about itself", files.Position(name.Pos()), name.Name)
			}
		}
	}
}

// undocumented gives the exported names of a declaration that lack a comment.
// One comment serves a whole group of constants or variables.
func undocumented(declaration ast.Decl) (names []*ast.Ident) {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && hasExportedReceiver(d) && !speaksForItself(d) {
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

// speaksForItself tells whether a method is one that every reader of Go knows.
func speaksForItself(d *ast.FuncDecl) bool {
	return d.Recv != nil && slices.Contains([]string{"Error", "String", "Unwrap"}, d.Name.Name)
}

// hasExportedReceiver tells whether a function is one, or a method that can be
// seen from outside.
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

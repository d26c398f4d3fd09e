package architecture_test

import (
	"go/ast"
	"regexp"
	"testing"
)

// insides matches names, methods, imports and texts that depend on what grpc-go does not
// guarantee.
var insides = regexp.MustCompile(`^(ServerTransportStreamFromContext|InTapHandle)$` +
	`|^"google\.golang\.org/grpc/(peer|tap)"$` +
	`|grpc-status-details-bin|error reading (server preface|from server)`)

// The tests of internal/grpcgo notice when an upgrade changes what it uses.
func TestOnlyGrpcgoUsesInsidesOfGRPC(t *testing.T) {
	for _, file := range sources(t) {
		if file.isTest() || !regexp.MustCompile(`^internal/(server|client|wire)$`).MatchString(file.pkg()) {
			continue
		}
		ast.Inspect(file.syntax, func(node ast.Node) bool {
			var text string
			switch node := node.(type) {
			case *ast.SelectorExpr:
				text = node.Sel.Name
			case *ast.FuncDecl:
				text = "method " + node.Name.Name
			case *ast.BasicLit:
				text = node.Value
			}
			if insides.MatchString(text) {
				t.Errorf("%s: %s belongs in internal/grpcgo", files.Position(node.Pos()), text)
			}
			return true
		})
	}
}

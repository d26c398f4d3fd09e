// Command umadb serves an UmaDB event store over gRPC, and manages its data.
package main

import (
	"os"

	"github.com/umadb-go/umadb/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, extensions))
}

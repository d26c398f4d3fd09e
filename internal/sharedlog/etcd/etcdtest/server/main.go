// Command server is the etcd server, for tests. It is a module of its own, so that the modules of
// the server are not those of the program.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }

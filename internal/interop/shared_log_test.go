package interop_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/umadb-go/umadb/internal/sharedlog/postgres/pgtest"
)

// exampleLog is the URL of a shared log in the documents.
const exampleLog = "postgres://umadb@db1,db2/orders"

// engine is a PostgreSQL server for the documents, which is started when a first one needs it
// and ends with a test.
type engine struct {
	t     *testing.T
	start func() *pgtest.Cluster
	logs  atomic.Int32
}

func newEngine(t *testing.T) *engine {
	return &engine{t: t, start: sync.OnceValue(func() *pgtest.Cluster { return pgtest.Start(t, 1) })}
}

// shareLog makes a document use a shared log of its own in the engine.
func (r *reader) shareLog(e *engine) {
	schema := fmt.Sprintf("log%d", e.logs.Add(1))
	r.replace(exampleLog, "'"+e.start().URL()+"&schema="+schema+"'")
}

// replace replaces a text of the document, beside its ports.
func (r *reader) replace(text, by string) {
	r.replacements = append(r.replacements, text, by)
	r.ports = strings.NewReplacer(r.replacements...)
}

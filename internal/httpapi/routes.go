package httpapi

import (
	"context"
	_ "embed"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/web"
)

//go:embed openapi.json
var description []byte

// answerTimeout is how long the answer to a question other than a read may take.
const answerTimeout = 30 * time.Second

// api answers requests.
type api struct {
	large *semaphore.Weighted // memory for large lines, in bytes
}

// Register adds the API to a server.
func Register(s *web.Server) {
	a := &api{large: semaphore.NewWeighted(largeMemory)}
	s.HandleLong("GET /v1/events", a.events, web.FailJSON)
	s.HandleStream("GET /v1/subscribe", a.subscribe, web.FailJSON)
	s.HandleAppend("POST /v1/append", appendEvents, web.FailJSON)
	for path, question := range map[string]question{
		"/v1/head":        head,
		"/v1/position-at": positionAt,
		"/v1/types":       types,
		"/v1/tags":        tags,
		"/v1/count":       count,
		"/v1/tracking":    tracking,
	} {
		s.Handle("GET "+path, question.answer, web.FailJSON)
	}
	s.HandleOpen("GET /v1/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(description) // an error means that the client has gone
	})
	s.FailUnder("/v1/", web.FailJSON)
}

// question returns the answer to a request.
type question func(ctx context.Context, p *parameters, b *web.Backend) (any, error)

// answer implements web.Handler.
func (ask question) answer(w http.ResponseWriter, r *http.Request, b *web.Backend) error {
	p, err := parametersOf(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	answer, err := ask(ctx, p, b)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	return ndjson.Write(w, answer)
}

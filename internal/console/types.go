package console

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"strconv"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
)

// typesPage shows the event types. Overview loads it and tagsPage as parts of their own, after
// the page: an answer in the order of the number of events takes a pass over the index, which takes some 0.2
// seconds for a million tags. It is not cached, because a page asks for it once, and the server bounds
// such passes.
var typesPage = page{path: "/types", title: "Event types", load: loadTypes}

// shownTypes is the maximum number of types on a page.
const shownTypes = 50

// typesData is the data of typesPage.
type typesData struct {
	Types   []shownTerm `json:"types"` // those with the most events
	All     uint64      `json:"all"`   // number of types
	Missing bool        `json:"missing,omitempty"`
}

func loadTypes(ctx context.Context, _ *http.Request, b *web.Backend) (any, error) {
	types, all, err := shownTerms(ctx, b.Terms.Types, dcb.TermsOptions{Order: dcb.ByEvents, Limit: shownTypes})
	if errors.Is(err, errors.ErrUnsupported) {
		return &typesData{Types: []shownTerm{}, Missing: true}, nil
	}
	if err != nil {
		return nil, err
	}
	return &typesData{Types: types, All: all}, nil
}

// HasCut reports whether names are cut.
func (d *typesData) HasCut() bool { return isAnyCut(d.Types) }

func (d *typesData) columns() []string { return []string{"type", "events"} }

func (d *typesData) rows() iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for _, t := range d.Types {
			if !yield([]string{t.Name, strconv.FormatUint(t.Events, 10)}) {
				return
			}
		}
	}
}

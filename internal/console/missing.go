package console

import (
	"context"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
)

// missing is part of the data of pages on which no event matches.
type missing struct {
	// MissingTypes and MissingTags are those of the query that no event has. They are empty if an
	// event matches, or if the server does not tell it.
	MissingTypes []string `json:"missing_types,omitempty"`
	MissingTags  []string `json:"missing_tags,omitempty"`
}

// missingOf returns what is missing for a query that no event matches.
func missingOf(ctx context.Context, b *web.Backend, query dcb.Query) (m missing, err error) {
	if len(query.Items) == 0 {
		return m, nil
	}
	counts, err := b.Terms.CountTerms(ctx, query)
	if err == nil {
		m.MissingTypes, m.MissingTags = counts.Missing()
	} else if !isUnexpected(err) {
		err = nil
	}
	return m, err
}

package console

import (
	"context"
	"net/http"
	"slices"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
)

// completions is the maximum number of names that complete a text.
const completions = 20

// completeTypes answers with the event types that start with the parameter prefix, those with the
// most events first. From a server that does not list them, the answer is empty.
func completeTypes(w http.ResponseWriter, r *http.Request, b *web.Backend) error {
	return complete(w, r, b.Terms.Types)
}

// completeTags is completeTypes for tags.
func completeTags(w http.ResponseWriter, r *http.Request, b *web.Backend) error {
	return complete(w, r, b.Terms.Tags)
}

func complete(w http.ResponseWriter, r *http.Request, ask func(context.Context, dcb.TermsOptions) *dcb.TermsResponse) error {
	ctx, cancel := context.WithTimeout(r.Context(), loadTimeout)
	defer cancel()
	terms, _, err := shownTerms(ctx, ask, dcb.TermsOptions{Prefix: r.URL.Query().Get("prefix"), Order: dcb.ByEvents, Limit: completions})
	if isUnexpected(err) { // a server without an index of terms completes nothing
		return err
	}
	terms = slices.DeleteFunc(terms, func(t shownTerm) bool { return t.isCut }) // no field is for such a long name
	return writeJSON(w, append([]shownTerm{}, terms...))
}

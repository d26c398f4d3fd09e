package console

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/umadb-go/umadb/dcb"
)

// maxNameBytes is the maximum size of a type or tag that pages show whole and repeat in links. An event may have a type of
// almost 4 MiB.
const maxNameBytes = 4 << 10

// shortName returns a type or tag whole, or its beginning and how much follows.
func shortName(name string) string {
	if len(name) <= maxNameBytes {
		return name
	}
	begin := cutText([]byte(name[:maxNameBytes+1]), maxNameBytes)
	return strings.ToValidUTF8(string(begin), "\ufffd") + "… and " + byteSize(uint64(len(name)-len(begin))) + " more"
}

// shownTerm is a type or tag with the number of its events, as pages show it.
type shownTerm struct {
	dcb.TermCount
	isCut bool
}

// TypeChip returns the name of a type for display.
func (t shownTerm) TypeChip() chip {
	if t.isCut {
		return chip{Name: t.Name}
	}
	return narrowing{}.typed(t.Name)
}

// TagChip returns the name of a tag for display.
func (t shownTerm) TagChip() chip {
	if t.isCut {
		return chip{Name: t.Name}
	}
	return narrowing{}.tagged(t.Name)
}

// Graph returns the link to the graph of a tag, which is empty if its name is cut.
func (t shownTerm) Graph() string {
	if t.isCut {
		return ""
	}
	return link("/graph", "tag", t.Name)
}

// shownTerms returns types or tags without what is too long of their names, and how many there are. A server does not order
// names that are too long together: then they are ordered here, those of a sample if there are many.
func shownTerms(ctx context.Context, ask func(context.Context, dcb.TermsOptions) *dcb.TermsResponse, options dcb.TermsOptions) (shown []shownTerm, distinct uint64, err error) {
	shown, distinct, err = cutTerms(ask(ctx, options))
	if options.Order != dcb.ByEvents || !errors.Is(err, dcb.ErrInvalidArgument) {
		return shown, distinct, err
	}
	shown, distinct, err = cutTerms(ask(ctx, dcb.TermsOptions{Prefix: options.Prefix, Limit: sampledTags}))
	slices.SortFunc(shown, byEvents)
	return shown[:min(len(shown), int(options.Limit))], max(distinct, uint64(len(shown))), err
}

// byEvents compares terms for the order of dcb.ByEvents.
func byEvents(a, b shownTerm) int {
	return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(a.Name, b.Name))
}

// cutTerms returns the types or tags of a response. It ends when their names have maxEventBytes.
func cutTerms(response *dcb.TermsResponse) (shown []shownTerm, distinct uint64, err error) {
	shown, size := []shownTerm{}, 0
	for term, err := range response.All() {
		if err != nil {
			return nil, 0, err
		}
		size += len(term.Name)
		isCut := len(term.Name) > maxNameBytes
		term.Name = strings.Clone(shortName(term.Name)) // the message is no longer referred to
		if shown = append(shown, shownTerm{term, isCut}); size > maxEventBytes {
			return shown, 0, nil
		}
	}
	_, distinct, err = response.Collect()
	return shown, distinct, err
}

// isAnyCut reports whether the names of some terms are cut.
func isAnyCut(terms []shownTerm) bool {
	return slices.ContainsFunc(terms, func(t shownTerm) bool { return t.isCut })
}

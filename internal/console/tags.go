package console

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
)

// tagsPage shows the tags by prefix: the part up to the first colon.
var tagsPage = page{path: "/tags", title: "Tags", load: loadTags}

const (
	// shownPrefixes is the maximum number of prefixes on a page.
	shownPrefixes = 12
	// prefixTags is the number of tags that are shown for a prefix.
	prefixTags = 5
	// topTags is the number of tags with the most events, from which those of each prefix are.
	topTags = dcb.MaxOrderedTerms
	// sampledTags is the number of tags, in no order, from which the other prefixes and the numbers
	// of tags are. The index has tags in the order of their hash, so they are a random sample.
	sampledTags = 10_000
	// listedTags is the maximum number of tags that are listed for a prefix.
	listedTags = 500
)

// tagsData is the data of tagsPage.
type tagsData struct {
	All      uint64        `json:"all"` // number of tags
	Prefixes []*prefixData `json:"prefixes"`
	Others   int           `json:"other_prefixes,omitempty"` // that were found, and are not in Prefixes
	Missing  bool          `json:"missing,omitempty"`
	// Start is the parameter prefix. If there is one, All is the number of tags that start with it, and Listed has those of
	// them with the most events.
	Start  string      `json:"prefix,omitempty"`
	Listed []shownTerm `json:"tags,omitempty"`
	formData
}

// prefixData is the tags with a prefix.
type prefixData struct {
	Prefix string      `json:"prefix"`          // with the colon; empty for tags without one
	Tags   uint64      `json:"tags"`            // number of tags
	About  bool        `json:"about,omitempty"` // the number is estimated
	Top    []shownTerm `json:"top"`             // those with the most events; only some, if About is set and all have few
}

// loadTags finds the prefixes of all tags, or lists the tags that start with the parameter prefix.
func loadTags(ctx context.Context, r *http.Request, b *web.Backend) (any, error) {
	data := &tagsData{Prefixes: []*prefixData{}, Start: r.URL.Query().Get("prefix")}
	if data.Start != "" {
		return data, data.list(ctx, b.Terms)
	}
	top, distinct, err := shownTerms(ctx, b.Terms.Tags, dcb.TermsOptions{Order: dcb.ByEvents, Limit: topTags})
	if errors.Is(err, errors.ErrUnsupported) {
		data.Missing = true
		return data, nil
	}
	if err != nil {
		return data, err
	}
	data.All = distinct
	var sample []shownTerm
	if distinct > uint64(len(top)) {
		if sample, _, err = shownTerms(ctx, b.Terms.Tags, dcb.TermsOptions{Limit: sampledTags}); err != nil {
			return nil, err
		}
	}
	data.Prefixes = append(data.Prefixes, byPrefix(top, sample, distinct)...)
	data.Others = max(0, len(data.Prefixes)-shownPrefixes)
	data.Prefixes = data.Prefixes[:min(len(data.Prefixes), shownPrefixes)]
	return data, nil
}

// list lists the tags that start with a text.
func (d *tagsData) list(ctx context.Context, index dcb.TermIndex) (err error) {
	d.Listed, d.All, err = shownTerms(ctx, index.Tags, dcb.TermsOptions{Prefix: d.Start, Order: dcb.ByEvents, Limit: listedTags})
	if d.Missing = errors.Is(err, errors.ErrUnsupported); d.Missing {
		return nil
	}
	return err
}

// HasCut reports whether names are cut.
func (d *tagsData) HasCut() bool {
	return isAnyCut(d.Listed) || slices.ContainsFunc(d.Prefixes, func(p *prefixData) bool { return isAnyCut(p.Top) })
}

// byPrefix returns the prefixes of tags, those with the most tags first. top are the tags with the
// most events, in this order, and sample is a random sample of all tags; it is empty if top are all.
func byPrefix(top, sample []shownTerm, all uint64) []*prefixData {
	about := uint64(len(sample)) < all && len(sample) > 0
	if !about && len(sample) > 0 {
		top = slices.SortedFunc(slices.Values(sample), byEvents)
	}
	found := prefixes{}
	for _, tag := range top {
		p := found.of(tag)
		p.Tags++
		p.About = about
		if len(p.Top) < prefixTags {
			p.Top = append(p.Top, tag)
		}
	}
	if about {
		found.estimate(top, sample, all)
	}
	return slices.SortedFunc(maps.Values(found), func(a, b *prefixData) int {
		return cmp.Or(cmp.Compare(b.Tags, a.Tags), cmp.Compare(a.Prefix, b.Prefix))
	})
}

// prefixes are the prefixes that were found.
type prefixes map[string]*prefixData

// of returns the prefix of a tag.
func (p prefixes) of(tag shownTerm) *prefixData {
	prefix := prefixOf(tag.Name)
	if p[prefix] == nil {
		p[prefix] = &prefixData{Prefix: prefix}
	}
	return p[prefix]
}

// estimate estimates the number of tags of each prefix from a sample of all tags. If all of the sample
// with a prefix are among the tags with the most events, these are probably all that have it.
func (p prefixes) estimate(top, sample []shownTerm, all uint64) {
	isTop := map[string]bool{}
	for _, tag := range top {
		isTop[tag.Name] = true
	}
	sampled, others := map[string]uint64{}, map[string]bool{}
	for _, tag := range sample {
		found := p.of(tag)
		found.About = true
		sampled[found.Prefix]++
		if isTop[tag.Name] {
			continue
		}
		others[found.Prefix] = true
		if len(found.Top) < prefixTags {
			found.Top = append(found.Top, tag)
		}
	}
	for prefix := range others {
		found := p[prefix]
		found.Tags = max(found.Tags, rounded(float64(sampled[prefix])/float64(len(sample))*float64(all)))
	}
}

// rounded returns a number with two significant digits.
func rounded(n float64) uint64 {
	unit := 1.0
	for n/unit >= 100 {
		unit *= 10
	}
	return uint64(math.Round(n/unit) * unit)
}

// prefixOf returns the part of a tag up to its first colon, or nothing if it has none.
func prefixOf(tag string) string {
	if before, _, found := strings.Cut(tag, ":"); found {
		return before + ":"
	}
	return ""
}

func (d *tagsData) columns() []string { return []string{"prefix", "tags", "tag", "events"} }

func (d *tagsData) rows() iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for _, t := range d.Listed {
			if !yield([]string{d.Start, strconv.FormatUint(d.All, 10), t.Name, strconv.FormatUint(t.Events, 10)}) {
				return
			}
		}
		for _, p := range d.Prefixes {
			for _, t := range p.Top {
				if !yield([]string{p.Prefix, strconv.FormatUint(p.Tags, 10), t.Name, strconv.FormatUint(t.Events, 10)}) {
					return
				}
			}
		}
	}
}

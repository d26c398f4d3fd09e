package httpapi

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
)

// parameters are those of the URL of a request.
type parameters struct {
	url.Values
}

// mayBeEmpty are the parameters that may be empty.
var mayBeEmpty = []string{"prefix", "source"}

// parametersOf returns the parameters of a request. A malformed or empty one is an error: without it,
// a query would select more events.
func parametersOf(r *http.Request) (*parameters, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, invalid("the query of the URL is malformed: %v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if slices.Contains(values[name], "") && !slices.Contains(mayBeEmpty, name) {
			return nil, invalid("the parameter %q is empty: omit it; %s is an item with an empty name", name, `{"tags":[""]}`)
		}
	}
	return &parameters{values}, nil
}

// only returns an error if there are other parameters than these.
func (p *parameters) only(names ...string) error {
	for _, name := range slices.Sorted(maps.Keys(p.Values)) {
		if !slices.Contains(names, name) {
			has := "there are no parameters here"
			if len(names) > 0 {
				has = "use " + strings.Join(names, ", ")
			}
			return invalid("the parameter %q is unknown: %s", name, has)
		}
	}
	return nil
}

// one returns the value of a parameter, or the empty string if there is none.
func (p *parameters) one(name string) (string, error) {
	if n := len(p.Values[name]); n > 1 {
		return "", invalid("the parameter %q is given %d times: use it once", name, n)
	}
	return p.Get(name), nil
}

// number returns the value of a parameter that is a number, or otherwise if there is none.
func (p *parameters) number(name string, otherwise, least, most uint64) (uint64, error) {
	text, err := p.one(name)
	if err != nil || text == "" {
		return otherwise, err
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n < least || n > most {
		return 0, invalid("the parameter %q is %q: it must be a number from %d to %d", name, text, least, most)
	}
	return n, nil
}

// selection returns the events that the parameters select, of which only those with these names
// may be given.
func (p *parameters) selection(names ...string) (selection.Selection, error) {
	if err := p.only(names...); err != nil {
		return selection.Selection{}, err
	}
	return selection.FromValues(p.Values, time.Now())
}

func invalid(format string, values ...any) error {
	return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf(format, values...)}
}

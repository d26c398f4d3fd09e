package selection

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// Selection is which events to read, and how.
type Selection struct {
	Query        dcb.Query
	Since, Until time.Time // zero without a bound
	// Options.Start is the first position to read. Without a limit, Options.Limit is nil.
	Options dcb.ReadOptions
}

// parameters are those of FromValues. They mean what the flags of "umadb read" mean.
var parameters = []string{"type", "tag", "item", "since", "until", "start", "after", "backwards", "limit"}

// FromValues returns the selection that the parameters of a URL describe. Empty values count as
// missing. A parameter that is neither one of a selection nor one of also is an error.
func FromValues(values url.Values, now time.Time, also ...string) (Selection, error) {
	var s Selection
	for name := range values {
		if !slices.Contains(parameters, name) && !slices.Contains(also, name) {
			return s, invalid(name, fmt.Errorf("it is unknown: use %s", strings.Join(append(slices.Clone(parameters), also...), ", ")))
		}
	}
	types, tags := given(values["type"]), given(values["tag"])
	if len(types)+len(tags) > 0 {
		s.Query.Items = append(s.Query.Items, dcb.QueryItem{Types: types, Tags: tags})
	}
	for _, text := range given(values["item"]) {
		item, err := ParseItem(text)
		if err != nil {
			return s, invalid("item", err)
		}
		s.Query.Items = append(s.Query.Items, item)
	}
	for _, p := range []struct {
		name  string
		parse func(text string) error
	}{
		{"since", func(text string) (err error) { s.Since, err = ParseTime(text, now); return err }},
		{"until", func(text string) (err error) { s.Until, err = ParseTime(text, now); return err }},
		{"start", func(text string) error { return s.setStart(text, 0) }},
		{"after", func(text string) error { return s.setStart(text, 1) }},
		{"backwards", func(text string) (err error) { s.Options.Backwards, err = parseBool(text); return err }},
		{"limit", func(text string) error {
			n, err := parseNumber(text, math.MaxUint32)
			s.Options.Limit = new(uint32(n))
			return err
		}},
	} {
		switch all := given(values[p.name]); {
		case len(all) > 1:
			return s, invalid(p.name, fmt.Errorf("it is given %d times: use it once", len(all)))
		case len(all) == 1:
			if err := p.parse(all[0]); err != nil {
				return s, invalid(p.name, err)
			}
		}
	}
	return s, s.check(values)
}

// check rejects parameters that contradict each other.
func (s *Selection) check(values url.Values) error {
	switch after := values.Get("after") != ""; {
	case after && values.Get("start") != "":
		return invalid("after", fmt.Errorf("start is given too: start is the first position to read, after the one before it"))
	case after && s.Options.Backwards:
		return invalid("after", fmt.Errorf("backwards is given too: set the position to start at with start"))
	case !s.Since.IsZero() && !s.Until.IsZero() && s.Until.Before(s.Since):
		return invalid("until", fmt.Errorf("it is before since: no event can match"))
	}
	return nil
}

func (s *Selection) setStart(text string, after uint64) error {
	n, err := parseNumber(text, math.MaxUint64-after)
	s.Options.Start = new(n + after)
	return err
}

func parseNumber(text string, most uint64) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > most {
		return 0, fmt.Errorf("%q is not a number from 0 to %d", text, most)
	}
	return n, nil
}

func parseBool(text string) (bool, error) {
	switch text {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", text)
}

// given returns the values that are not empty.
func given(values []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(text string) bool { return text == "" })
}

func invalid(parameter string, err error) error {
	return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the parameter %q: %v", parameter, err)}
}

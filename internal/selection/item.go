package selection

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
)

// ParseItem parses an item of a query: words that start with type= or tag=, a JSON object
// with types and tags, which is needed for names with spaces, or * for every event.
func ParseItem(text string) (item dcb.QueryItem, err error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "*":
		return item, nil
	case text == "":
		return item, fmt.Errorf(`it is empty: write "type=A tag=x", or * for every event`)
	case text[0] == '{':
		var object struct {
			Types ndjson.Texts `json:"types"`
			Tags  ndjson.Texts `json:"tags"`
		}
		if err := ndjson.Unmarshal([]byte(text), &object); err != nil {
			return item, err
		}
		return dcb.QueryItem{Types: object.Types, Tags: object.Tags}, nil
	}
	for _, word := range strings.Fields(text) {
		if strings.HasSuffix(word, "=") || strings.Contains(word, ",tag=") || strings.Contains(word, ",type=") {
			return item, fmt.Errorf(`%q has no name, or more than one: separate names with spaces, or write JSON, as in {"tags":[""]}`, word)
		}
		if name, found := strings.CutPrefix(word, "type="); found {
			item.Types = append(item.Types, name)
		} else if name, found := strings.CutPrefix(word, "tag="); found {
			item.Tags = append(item.Tags, name)
		} else {
			return item, fmt.Errorf(`%q starts with neither type= nor tag=: write "type=A tag=x", or {"tags":["x y"]} for a name with a space`, word)
		}
	}
	return item, nil
}

// FormatItem returns the text of an item, which ParseItem parses.
func FormatItem(item dcb.QueryItem) string {
	if len(item.Types)+len(item.Tags) == 0 {
		return "*"
	}
	names := slices.Concat(item.Types, item.Tags)
	if slices.ContainsFunc(names, func(name string) bool { return !isWord(name) }) {
		object := struct {
			Types []string `json:"types,omitempty"`
			Tags  []string `json:"tags,omitempty"`
		}{item.Types, item.Tags}
		var text strings.Builder
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false) // people read it
		if encoder.Encode(object) == nil {
			return strings.TrimSuffix(text.String(), "\n")
		}
	}
	var words []string
	for _, name := range item.Types {
		words = append(words, "type="+name)
	}
	for _, name := range item.Tags {
		words = append(words, "tag="+name)
	}
	return strings.Join(words, " ")
}

// isWord reports whether ParseItem accepts a name without JSON, and a page or terminal can show it.
func isWord(name string) bool {
	isUnfit := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
	return name != "" && !strings.ContainsFunc(name, isUnfit) && !strings.HasSuffix(name, "=") &&
		!strings.Contains(name, ",tag=") && !strings.Contains(name, ",type=")
}

package console

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
)

// queryForm is the form for the items of a query, which the template "query" shows. The fields of
// the first item are "type" and "tag", those of the others "type2" and "tag2" and so on.
type queryForm struct{ Items []formItem }

// formItem is an item of a query in a form.
type formItem struct {
	Suffix string // that of the names of its fields
	Index  int    // of the item, from 1
	// Types and Tags end with an empty one, in which users can write another.
	Types, Tags []string
	// Fixed is the text of an item that fields cannot express: one that matches every event, has a name
	// that no field can contain, or cannot be parsed. It can only be removed.
	Fixed string
	Last  bool
}

// Number returns the number in the names of its fields, from 1.
func (i formItem) Number() string {
	if i.Suffix == "" {
		return "1"
	}
	return i.Suffix
}

// newQueryForm returns the form for a query. add adds an empty item.
func newQueryForm(query dcb.Query, add bool) queryForm {
	var form queryForm
	for _, item := range query.Items {
		shown := formItem{Types: append(slices.Clone(item.Types), ""), Tags: append(slices.Clone(item.Tags), "")}
		if isEmpty(item) || slices.ContainsFunc(item.Types, isUnfit) || slices.ContainsFunc(item.Tags, isUnfit) {
			shown.Fixed = selection.FormatItem(item)
		}
		form.Items = append(form.Items, shown)
	}
	if len(form.Items) == 0 || add {
		form.Items = append(form.Items, formItem{Types: []string{""}, Tags: []string{""}})
	}
	for n := range form.Items {
		form.Items[n].Index = n + 1
	}
	form.number(1)
	form.Items[len(form.Items)-1].Last = true
	return form
}

// isUnfit reports whether a field for a name cannot contain it, so that users see it: browsers remove line breaks.
func isUnfit(name string) bool { return isBlank(name) || strings.ContainsAny(name, "\r\n\x00") }

// isBlank reports whether a text has nothing but spaces.
func isBlank(text string) bool { return strings.TrimSpace(text) == "" }

// number sets the numbers in the names of the fields, from first on.
func (f queryForm) number(first int) {
	for n := range f.Items {
		f.Items[n].Suffix = strconv.Itoa(first + n)
		if first+n == 1 {
			f.Items[n].Suffix = ""
		}
	}
}

// moved is returned for a URL whose parameters can be written in a shorter form.
type moved struct{ values url.Values }

// Error implements error.
func (m moved) Error() string { return "the page has moved to ?" + m.values.Encode() }

// canonical checks the parameters of a URL. A form without scripts sends its empty fields too, numbered
// fields for further items, and in "remove" the number of an item to remove. If there is one of these, it returns
// moved, with one "item" for each further item. It removes add, which adds an empty item to the form.
func canonical(values url.Values) (add bool, err error) {
	add = values.Get("add") != ""
	short := url.Values{}
	isFirstRemoved := values.Get("remove") == "1"
	for name, texts := range values {
		_, number := fieldOf(name)
		if texts = nonEmpty(texts); len(texts) > 0 && name != "remove" && (number == 0 || number == 1 && !isFirstRemoved) {
			short[name] = texts
		}
	}
	for _, item := range furtherItems(values) {
		short.Add("item", selection.FormatItem(item))
	}
	if short.Encode() != values.Encode() {
		return add, moved{short}
	}
	values.Del("add")
	return add, nil
}

// furtherItems returns the items in the numbered fields of a form, except that with the number in "remove".
func furtherItems(values url.Values) (items []dcb.QueryItem) {
	byNumber := map[int]*dcb.QueryItem{}
	for name, texts := range values {
		kind, number := fieldOf(name)
		if texts = nonEmpty(texts); number <= 1 || len(texts) == 0 || strconv.Itoa(number) == values.Get("remove") {
			continue
		}
		if byNumber[number] == nil {
			byNumber[number] = new(dcb.QueryItem)
		}
		if kind == "type" {
			byNumber[number].Types = texts
		} else {
			byNumber[number].Tags = texts
		}
	}
	for _, number := range slices.Sorted(maps.Keys(byNumber)) {
		items = append(items, *byNumber[number])
	}
	return items
}

// nonEmpty returns the texts that are not empty.
func nonEmpty(texts []string) []string {
	return slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return text == "" })
}

// fieldOf returns "type" or "tag" and the number of the item whose field has this name, or 0.
func fieldOf(name string) (kind string, number int) {
	for _, kind := range []string{"type", "tag"} {
		digits, found := strings.CutPrefix(name, kind)
		if found && digits == "" {
			return kind, 1
		}
		if n, err := strconv.Atoi(digits); found && err == nil && n > 1 && strconv.Itoa(n) == digits {
			return kind, n
		}
	}
	return "", 0
}

// itemWords returns the types and tags of an item, each with a prefix.
func itemWords(typePrefix string, types []string, tagPrefix string, tags []string) (words []string) {
	for _, name := range types {
		words = append(words, typePrefix+name)
	}
	for _, name := range tags {
		words = append(words, tagPrefix+name)
	}
	return words
}

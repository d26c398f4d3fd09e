package console

import "net/url"

// changed returns parameters with other values: names and values in turn. An empty value removes one.
func changed(values url.Values, changes ...string) url.Values {
	other := url.Values{}
	for name, texts := range values {
		other[name] = texts
	}
	for i := 0; i+1 < len(changes); i += 2 {
		if changes[i+1] == "" {
			other.Del(changes[i])
		} else {
			other.Set(changes[i], changes[i+1])
		}
	}
	return other
}

// timeRange is a link to the events since a time.
type timeRange struct {
	Label, Link string
	Current     bool
}

// newTimeRanges returns the links of a page to usual times.
func newTimeRanges(path string, values url.Values) (ranges []timeRange) {
	for _, r := range []struct{ label, since string }{{"1 h", "1h"}, {"24 h", "24h"}, {"7 d", "7d"}, {"always", ""}} {
		ranges = append(ranges, timeRange{
			Label:   r.label,
			Link:    path + "?" + changed(values, "since", r.since, "until", "", "start", "", "after", "").Encode(),
			Current: values.Get("since") == r.since && values.Get("until") == "",
		})
	}
	return ranges
}

// viewChoice is a link to a view of the data of events.
type viewChoice struct {
	Value, Label, Link string
	Current            bool
}

// newViewChoices returns the links of a page to the views.
func newViewChoices(path string, values url.Values) (choices []viewChoice) {
	for _, v := range views {
		choices = append(choices, viewChoice{v.value, v.label, path + "?" + changed(values, "view", v.value).Encode(), values.Get("view") == v.value})
	}
	return choices
}

// views are those of the data of an event.
var views = []struct{ value, label string }{{"", "JSON"}, {"text", "Text"}, {"hex", "Hex"}, {"none", "None"}}

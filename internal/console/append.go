package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
	"github.com/umadb-go/umadb/internal/web"
)

// appendPage appends events after a check that shows what would happen.
var appendPage = page{path: "/append", title: "Append", load: loadAppend}

// maxAppendBody is the maximum size of a submitted form. It is well above that of maxAppendLines
// after encoding.
const maxAppendBody = 1 << 20

// appendData is the data of appendPage.
type appendData struct {
	// Permitted is set if events can be appended here.
	Permitted bool        `json:"permitted"`
	Form      *appendForm `json:"-"`
	// Failure is why the form was not accepted.
	Failure string       `json:"-"`
	Check   *appendCheck `json:"-"`
	// Appended is the result of an append, from the parameters of the URL.
	Appended *appendResult `json:"appended,omitempty"`
}

// appendResult is the result of an append.
type appendResult struct {
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	// Again is set if the events were stored by an earlier request already.
	Again bool `json:"again"`
	// by is the item by which a key with limits can read the last event; otherwise it is empty.
	by dcb.QueryItem
}

// Link returns the link to the last event.
func (r *appendResult) Link() string { return linkEvent("/event", r.Last, r.by) }

// HasLimits reports whether the key can only read events by a query.
func (r *appendResult) HasLimits() bool { return !isEmpty(r.by) }

// loadAppend shows the form, with the values of the parameters of the URL.
func loadAppend(_ context.Context, r *http.Request, b *web.Backend) (any, error) {
	values := r.URL.Query()
	data := &appendData{Permitted: !b.ReadOnly, Form: newAppendForm(values)}
	first, err := strconv.ParseUint(values.Get("first"), 10, 64)
	last, lastErr := strconv.ParseUint(values.Get("last"), 10, 64)
	if err == nil && lastErr == nil && first <= last {
		data.Appended = &appendResult{First: first, Last: last, Again: values.Has("again")}
		if of := values.Get("of"); of != "" {
			data.Appended.by, _ = selection.ParseItem(of) // only for a link
		}
	}
	return data, nil
}

// submitAppend answers to the form: it checks the events, or appends those that were checked.
func submitAppend(w http.ResponseWriter, r *http.Request, b *web.Backend) error {
	ctx, cancel := context.WithTimeout(r.Context(), loadTimeout)
	defer cancel()
	if b.ReadOnly {
		return showAppend(w, r, b, http.StatusForbidden, &appendData{})
	}
	if err := b.ReadForm(r, maxAppendBody); err != nil {
		return explainForm(err)
	}
	data := &appendData{Permitted: true, Form: newAppendForm(r.PostForm)}
	if r.PostForm.Get("add")+r.PostForm.Get("remove") != "" { // of an item of the condition, without scripts
		return showAppend(w, r, b, http.StatusOK, data)
	}
	request, err := data.Form.request()
	if err != nil {
		data.Failure = err.Error()
		return showAppend(w, r, b, http.StatusBadRequest, data)
	}
	status := http.StatusOK
	if r.PostForm.Get("do") == "append" {
		result, err := request.appendOnce(ctx, b.Events)
		if err == nil {
			to := link("/append", "first", result.First, "last", result.Last, "of", request.linkItem(ctx, b.Events, result.Last))
			if result.Again {
				to += "&again"
			}
			http.Redirect(w, r, to, http.StatusSeeOther) // so that loading the page again sends nothing
			return nil
		}
		if !errors.Is(err, dcb.ErrIntegrity) {
			return err
		}
		data.Failure, status = "Nothing was appended: "+err.Error(), http.StatusConflict
	}
	if data.Check, err = checkAppend(ctx, b.Events, request); err != nil {
		return err
	}
	if data.Check.Condition && data.Check.Stored == 0 && len(data.Check.Conflicts) == 0 {
		if data.Check.missing, err = missingOf(ctx, b, request.condition.FailIfEventsMatch); err != nil {
			return err
		}
	}
	return showAppend(w, r, b, status, data)
}

// linkItem returns the item of the last event as text if the key has limits, so that it cannot read the event without it.
func (r *appendRequest) linkItem(ctx context.Context, s dcb.EventStore, last uint64) string {
	_, err := readMatching(ctx, s, dcb.Query{}, last)
	text := selection.FormatItem(r.itemOf(len(r.events) - 1))
	if !errors.Is(err, dcb.ErrAuthentication) || len(text) > maxRepeatedQuery {
		return ""
	}
	return text
}

func showAppend(w http.ResponseWriter, r *http.Request, b *web.Backend, status int, data *appendData) error {
	v := newView(appendPage.title, r)
	v.Server, v.Data = b.Name, data
	return v.write(w, appendPage.name(), status)
}

// explainForm returns the error for a form that cannot be read.
func explainForm(err error) error {
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		err = fmt.Errorf("the form has more than %s: use umadb append for large events", byteSize(uint64(large.Limit)))
	}
	if own := (*web.StatusError)(nil); errors.As(err, &own) {
		return err
	}
	return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: err.Error()}
}

package record

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/umadb-go/umadb/dcb"
)

// Field numbers of ReadResponse and SubscribeResponse for callers that ask for progress.
const (
	responseChecked      = 101
	responseProgressHead = 102 // head of a SubscribeResponse, progress_head of a ReadResponse
)

// MaxProgressBytes is the maximum number of bytes that AppendProgress appends.
const MaxProgressBytes = 2 * (2 + binary.MaxVarintLen64)

// AppendProgress appends to a response how far its subscription is.
func AppendProgress(dst []byte, p dcb.Progress) []byte {
	dst = appendUint(dst, responseChecked, p.Checked)
	return appendUint(dst, responseProgressHead, p.Head)
}

// DecodeProgress returns the progress of a response, and reports whether there is one.
func DecodeProgress(response []byte) (p dcb.Progress, found bool, err error) {
	err = eachField(response, func(f field) error {
		switch {
		case f.scalar(responseChecked):
			p.Checked, found = f.varint, true
		case f.scalar(responseProgressHead):
			p.Head = f.varint
		}
		return nil
	})
	return p, found, err
}

// OnProgress returns the function of the options of a subscription, or nil if there is none.
func OnProgress(options []dcb.SubscribeOptions) (f func(dcb.Progress)) {
	for _, o := range options {
		if o.OnProgress != nil {
			f = o.OnProgress
		}
	}
	return f
}

// Deliver yields the events of a stream of encoded SubscribeResponses. After those of a message it
// calls onProgress, which may be nil. It returns nil when the stream ends with io.EOF, or yield returns
// false. unreadable converts the error for a malformed message.
func Deliver(next func() ([]byte, error), unreadable func(error) error, onProgress func(dcb.Progress), yield func(dcb.SequencedEvent, error) bool) error {
	r := reports{call: onProgress}
	for {
		message, err := next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		events, _, err := DecodeResponse(message)
		if err == nil {
			err = r.decode(message)
		}
		if err != nil {
			return unreadable(err)
		}
		for _, event := range events {
			if !yield(event, nil) {
				return nil
			}
		}
		r.report()
	}
}

// reports passes the progress of a subscription on. A server at which the subscription resumes may
// lag, or repeat what another one has reported.
type reports struct {
	call    func(dcb.Progress) // may be nil
	next    dcb.Progress       // the highest of both positions
	pending bool               // next is to be reported
	any     bool               // something was reported
}

// decode decodes the progress of a message, if the caller wants to know it.
func (r *reports) decode(message []byte) error {
	if r.call == nil {
		return nil
	}
	p, found, err := DecodeProgress(message)
	if !found || err != nil {
		return err
	}
	p.Checked, p.Head = max(p.Checked, r.next.Checked), max(p.Head, r.next.Head)
	r.pending = p != r.next || !r.any
	r.next = p
	return nil
}

// report reports what was decoded.
func (r *reports) report() {
	if r.pending {
		r.pending, r.any = false, true
		r.call(r.next)
	}
}

package wire_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire"
)

// Unavailable adds nothing to the kind of the error.
func TestTransportErrorHasCode(t *testing.T) {
	for code, want := range map[codes.Code]string{
		codes.Unavailable: "transport error: EOF",
		codes.Unknown:     "transport error: Unknown: EOF",
	} {
		if got := wire.FromStatus(code, "EOF", nil).Error(); got != want {
			t.Errorf("%v became %q", code, got)
		}
	}
}

func TestStandbyRefusal(t *testing.T) {
	const text = "io error: this server is a standby of http://a and accepts no appends"
	if !wire.RefusedByStandby(codes.Internal, text) {
		t.Error("it is not recognised")
	}
	for code, other := range map[codes.Code]string{codes.Unavailable: text, codes.Internal: "io error: the disk is full"} {
		if wire.RefusedByStandby(code, other) {
			t.Errorf("%v, %s is a refusal", code, other)
		}
	}
}

// A client recognises every error that reports that nothing was appended, whatever its text.
func TestNothingAppendedIsInTheMessage(t *testing.T) {
	for _, detail := range []string{"the log is silent", "the log is silent" + wire.NothingAppended} {
		st, _ := wire.ToStatus(&dcb.Error{Kind: dcb.ErrTransport, Detail: detail, NotAppended: true}, "")
		if want := "transport error: the log is silent" + wire.NothingAppended; st.Message() != want || !wire.RefusedWithoutEffect(st.Code(), st.Message()) {
			t.Errorf("%v: %q", st.Code(), st.Message())
		}
	}
	st, _ := wire.ToStatus(&dcb.Error{Kind: dcb.ErrTransport, Detail: "the log is silent"}, "")
	if wire.RefusedWithoutEffect(st.Code(), st.Message()) {
		t.Errorf("an outcome that is unknown is recognised as none: %q", st.Message())
	}
}

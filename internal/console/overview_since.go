package console

import (
	"encoding/base64"

	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/dcb"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// newSince returns the parameter since of a later request, which has the counts of a status that
// rates are computed from. So each viewer sees the rates since its own last request, and the server
// of the pages remembers nothing.
func newSince(s *adminv1.StatusResponse) string {
	st := s.GetStore()
	encoded, err := proto.Marshal(&adminv1.StatusResponse{
		Started: s.GetStarted(),
		Now:     s.GetNow(),
		Store: &adminv1.StoreStatus{
			Head: st.GetHead(), LogBytes: st.GetLogBytes(), DiskBytes: st.GetDiskBytes(),
			Appends: &adminv1.AppendStatus{
				Conflicts: st.GetAppends().GetConflicts(),
				Latency:   withoutBounds(st.GetAppends().GetLatency()),
				Queue:     withoutBounds(st.GetAppends().GetQueue()),
				Sync:      withoutBounds(st.GetAppends().GetSync()),
			},
		},
		Server: &adminv1.ServerStatus{ReceivedBytes: s.GetServer().GetReceivedBytes(), SentBytes: s.GetServer().GetSentBytes()},
	})
	if err != nil {
		return "" // only invalid texts cause it, and there is none
	}
	return base64.RawURLEncoding.EncodeToString(encoded)
}

// withoutBounds returns only the counts of durations. The later status has the bounds.
func withoutBounds(d *adminv1.Durations) *adminv1.Durations {
	return &adminv1.Durations{Counts: d.GetCounts()}
}

// parseSince returns the status that newSince was called with, as far as it is in the text, or nil
// for an empty text.
func parseSince(text string) (*adminv1.StatusResponse, error) {
	if text == "" {
		return nil, nil
	}
	encoded, err := base64.RawURLEncoding.DecodeString(text)
	s := new(adminv1.StatusResponse)
	if err == nil {
		err = proto.Unmarshal(encoded, s)
	}
	if err != nil {
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: `the parameter "since" is not that of an earlier answer: open the page without it`}
	}
	return s, nil
}

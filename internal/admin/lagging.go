package admin

import (
	"cmp"
	"slices"

	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// maxLagging is the maximum number of subscriptions that Sessions returns if it does not return
// all calls.
const maxLagging = 1000

// lagging is a subscription with its connection.
type lagging struct {
	session *adminv1.Session
	call    *adminv1.Call
}

// sendLagging sends the subscriptions that lag most, each after its connection.
func (s *service) sendLagging(out *sessionSender, most int) (err error) {
	var found []lagging
	for session := range s.server.Sessions() {
		described := newSession(session)
		for i := range session.Calls {
			if c := &session.Calls[i]; c.Subscription {
				out.subscriptions++
				found = append(found, lagging{described, newCall(session.ID, c)})
			}
		}
		if len(found) > 2*most {
			found = mostLagging(found, most)
		}
	}
	sent := make(map[uint64]bool)
	for _, l := range mostLagging(found, most) {
		if !sent[l.session.GetId()] {
			sent[l.session.GetId()] = true
			err = out.addSession(l.session)
		}
		if err == nil {
			err = out.addCall(l.call)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mostLagging returns the subscriptions that lag most, sorted. Of those that lag equally, the
// first are those whose clients have not read for the longest time, and then the oldest.
func mostLagging(all []lagging, most int) []lagging {
	slices.SortFunc(all, func(a, b lagging) int {
		return cmp.Or(cmp.Compare(b.call.GetLag(), a.call.GetLag()),
			cmp.Compare(b.call.GetUnread().AsDuration(), a.call.GetUnread().AsDuration()),
			a.call.GetSince().AsTime().Compare(b.call.GetSince().AsTime()))
	})
	return all[:min(len(all), most)]
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/admin"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/transfer"
)

// serverTracking returns the tracking of a server: that of all sources if the server lists
// them, else that of the named ones. It prints a warning for each named source that the server
// does not have, and if the sources are not listed.
func serverTracking(ctx context.Context, s dcb.EventStore, names []string, stderr io.Writer) (transfer.Tracking, error) {
	unknown, err := transfer.UnknownSources(ctx, s, names)
	if err != nil {
		return nil, err
	}
	for _, name := range unknown {
		fmt.Fprintf(stderr, "umadb: the server has no tracking source %q yet; check the name\n", name)
	}
	reason := ""
	if conn, ok := s.(*client.Client); ok {
		operator := admin.NewClient(conn)
		for _, err = range operator.TrackingSources(ctx) {
			break // the first one shows whether they are listed
		}
		switch {
		case err == nil:
			return transfer.ListedTracking(operator.TrackingSources), nil
		case admin.IsMissing(err):
			reason = "it is another program or an older version"
		case errors.Is(err, dcb.ErrAuthentication):
			reason = "the key does not have the right admin"
		default:
			return nil, err
		}
		fmt.Fprintf(stderr, "umadb: the server does not list its tracking sources, because %s: tracking-only records are copied only for each --tracking-source\n", reason)
	}
	return transfer.NamedTracking(s, names), nil
}

package admin

import (
	"context"
	"errors"
	"io"
	"iter"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/store"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// Client calls the service over a connection to a server. Each call is made once: it is not
// repeated if the connection is lost.
type Client struct {
	conn *client.Client
	// OnHead is called by LogGroups with the last group that the server has, and the position
	// of its last event, each time that the server sends them. It may be nil.
	OnHead func(index, position uint64)
}

// NewClient returns a client that uses a connection, which it does not close.
func NewClient(conn *client.Client) *Client { return &Client{conn: conn} }

// IsMissing reports whether a call failed because the server does not have the service or the
// method, as servers of other programs and versions.
func IsMissing(err error) bool { return status.Code(err) == codes.Unimplemented }

// IsDenied reports whether a call failed because the key does not have the right to make it.
func IsDenied(err error) bool { return status.Code(err) == codes.PermissionDenied }

// Status returns the state of the server and its store.
func (c *Client) Status(ctx context.Context) (*adminv1.StatusResponse, error) {
	response := new(adminv1.StatusResponse)
	return response, c.call(ctx, adminv1.Admin_Status_FullMethodName, new(adminv1.StatusRequest), response)
}

// Stats counts the contents of the store. It lists this many types and tags.
func (c *Client) Stats(ctx context.Context, top uint32) (*store.Stats, error) {
	response := new(adminv1.StatsResponse)
	if err := c.call(ctx, adminv1.Admin_Stats_FullMethodName, &adminv1.StatsRequest{Top: top}, response); err != nil {
		return nil, err
	}
	return decodeStats(response), nil
}

// Sessions returns the connections and the calls in progress.
func (c *Client) Sessions(ctx context.Context) (*adminv1.SessionsResponse, error) {
	return c.sessions(ctx, new(adminv1.SessionsRequest))
}

// Lagging returns this many subscriptions, those that lag most, with their connections. A server
// of an older version returns all connections and calls.
func (c *Client) Lagging(ctx context.Context, most uint32) (*adminv1.SessionsResponse, error) {
	return c.sessions(ctx, &adminv1.SessionsRequest{Lagging: most})
}

func (c *Client) sessions(ctx context.Context, request *adminv1.SessionsRequest) (*adminv1.SessionsResponse, error) {
	all := new(adminv1.SessionsResponse)
	for response, err := range messages[adminv1.SessionsResponse](ctx, c, adminv1.Admin_Sessions_FullMethodName, request) {
		if err != nil {
			return nil, err
		}
		all.Sessions = append(all.Sessions, response.GetSessions()...)
		all.Calls = append(all.Calls, response.GetCalls()...)
		all.Head, all.Subscriptions = response.GetHead(), response.GetSubscriptions()
	}
	return all, nil
}

// Rejections returns the appends that the server has rejected last, the newest first: at most limit,
// or with 0 all that it has.
func (c *Client) Rejections(ctx context.Context, limit uint32) (*adminv1.RejectionsResponse, error) {
	all := new(adminv1.RejectionsResponse)
	for response, err := range messages[adminv1.RejectionsResponse](ctx, c, adminv1.Admin_Rejections_FullMethodName, &adminv1.RejectionsRequest{Limit: limit}) {
		if err != nil {
			return nil, err
		}
		all.Rejections = append(all.Rejections, response.GetRejections()...)
		all.Total, all.Since = response.GetTotal(), response.GetSince()
	}
	return all, nil
}

// TrackingSources iterates over the tracking sources. An error is the last value.
func (c *Client) TrackingSources(ctx context.Context) iter.Seq2[dcb.TrackingInfo, error] {
	return func(yield func(dcb.TrackingInfo, error) bool) {
		for response, err := range messages[adminv1.TrackingSourcesResponse](ctx, c, adminv1.Admin_TrackingSources_FullMethodName, new(adminv1.TrackingSourcesRequest)) {
			if err != nil {
				yield(dcb.TrackingInfo{}, err)
				return
			}
			for _, source := range response.GetSources() {
				if !yield(dcb.TrackingInfo{Source: source.GetSource(), Position: source.GetPosition()}, nil) {
					return
				}
			}
		}
	}
}

// Groups iterates over parts of the groups of the log. An error is the last value.
func (c *Client) Groups(ctx context.Context, request *adminv1.GroupsRequest) iter.Seq2[*adminv1.GroupsResponse, error] {
	return messages[adminv1.GroupsResponse](ctx, c, adminv1.Admin_Groups_FullMethodName, request)
}

// Scrub verifies the store at a rate in bytes per second; 0 is the default of the server.
// progress is called with the number of bytes verified, and approximately of all. An error
// means that the scrub has not been completed.
func (c *Client) Scrub(ctx context.Context, rate uint64, progress func(done, all uint64)) (*store.ScrubReport, error) {
	report := &store.ScrubReport{Findings: []store.ScrubFinding{}}
	for response, err := range messages[adminv1.ScrubResponse](ctx, c, adminv1.Admin_Scrub_FullMethodName, &adminv1.ScrubRequest{BytesPerSecond: rate}) {
		if err != nil {
			return nil, err
		}
		for _, f := range response.GetFindings() {
			report.Findings = append(report.Findings, store.ScrubFinding{File: f.GetFile(), Offset: f.GetOffset(), What: f.GetWhat(), Index: f.GetIndex()})
		}
		progress(response.GetDoneBytes(), response.GetAllBytes())
		if r := response.GetReport(); r != nil {
			report.Started, report.Ended = r.GetStarted().AsTime(), r.GetEnded().AsTime()
			report.Groups, report.LogBytes = r.GetGroups(), int64(r.GetLogBytes())
			report.Blocks, report.IndexBytes = r.GetBlocks(), int64(r.GetIndexBytes())
			report.More = r.GetMoreFindings()
		}
	}
	if report.Ended.IsZero() {
		return nil, &dcb.Error{Kind: dcb.ErrTransport, Detail: "the server's answer ends before the report of the scrub"}
	}
	return report, nil
}

// call makes a unary call.
func (c *Client) call(ctx context.Context, method string, request, response proto.Message) error {
	encoded, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	answer, err := c.conn.Invoke(ctx, method, encoded)
	if err != nil {
		return err
	}
	return decode(answer, response)
}

// messages makes a call with a stream of responses.
func messages[R any, P interface {
	*R
	proto.Message
}](ctx context.Context, c *Client, method string, request proto.Message) iter.Seq2[P, error] {
	return func(yield func(P, error) bool) {
		encoded, err := proto.Marshal(request)
		if err != nil {
			yield(nil, err)
			return
		}
		stream := c.conn.Messages(ctx, method, encoded)
		defer stream.Close()
		for {
			message, err := stream.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			var response P
			if err == nil {
				response = new(R)
				err = decode(message, response)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(response, nil) {
				return
			}
		}
	}
}

func decode(message []byte, response proto.Message) error {
	if err := proto.Unmarshal(message, response); err != nil {
		return &dcb.Error{Kind: dcb.ErrTransport, Detail: "the server's answer cannot be read", Cause: err}
	}
	return nil
}

package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/rates"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// listedSubscriptions is the maximum number of subscriptions in the text of status and top.
const listedSubscriptions = 10

func newStatusCommand() *cobra.Command {
	var o operated
	var asJSON, sessions bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print the state of a server",
		Long: `status prints the health of a server, its version, the state of its store, and the
subscriptions that lag most. With --sessions it prints all connections with their
calls in progress. It needs a key with the right "admin", if the server requires keys.

The lag of a subscription is the number of positions up to the head that it has not
checked for its events. A client that has not read for some time is slow, or hangs.

A server of another version may provide its health and its head only. The exit code is
0 if the server answers; "umadb health" is for scripts that need its health.`,
		Example: `  umadb status
  umadb status --sessions --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(cmd)
			defer stop()
			c, err := o.dial(ctx, cmd.Flags())
			if err != nil {
				return err
			}
			defer c.Close()
			state, err := o.state(ctx, c, false)
			if err != nil {
				return asInterrupted(ctx, err)
			}
			if asJSON {
				return ndjson.Write(cmd.OutOrStdout(), newStatusOutput(o.url, state, sessions))
			}
			_, err = io.WriteString(cmd.OutOrStdout(), statusText(o.url, state, sessions))
			return err
		},
	}
	cmd.Flags().BoolVar(&sessions, "sessions", false, "print all connections and calls in progress")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	perCall(cmd.Flags(), "sessions")
	o.addFlags(cmd.Flags())
	return cmd
}

// statusOutput is the JSON output of status.
type statusOutput struct {
	URL           string     `json:"url"`
	Health        string     `json:"health"`
	AppendHealth  string     `json:"append_health"`
	Head          uint64     `json:"head"`
	Version       string     `json:"version,omitempty"`
	Commit        string     `json:"commit,omitempty"`
	Started       *time.Time `json:"started,omitempty"`
	UptimeSeconds float64    `json:"uptime_seconds,omitempty"`

	Store         *storeOutput   `json:"store,omitempty"`
	Server        *serverOutput  `json:"server,omitempty"`
	Subscriptions []callState    `json:"subscriptions,omitempty"` // those that lag most first
	Sessions      []sessionState `json:"sessions,omitempty"`
}

// storeOutput is the state of the store.
type storeOutput struct {
	ID                 string     `json:"id"`
	LastCommit         *time.Time `json:"last_commit,omitempty"`
	LogBytes           uint64     `json:"log_bytes"`
	DiskBytes          uint64     `json:"disk_bytes"`
	Segments           uint64     `json:"segments"`
	Blocks             uint64     `json:"blocks"`
	UncoveredEvents    uint64     `json:"uncovered_events"`
	Failure            string     `json:"failure,omitempty"`
	AppendStallSeconds float64    `json:"append_stall_seconds,omitempty"`
	ReadOnly           bool       `json:"read_only,omitempty"`

	AppendsWaiting uint64          `json:"appends_waiting"`
	Queue          rates.Quantiles `json:"append_queue"` // since the start, and the same for the next
	Sync           rates.Quantiles `json:"commit_sync"`

	Standby   *standbyOutput   `json:"standby,omitempty"`
	SharedLog *sharedLogOutput `json:"shared_log,omitempty"`
}

// standbyOutput is how far a standby has followed its server.
type standbyOutput struct {
	Server     string  `json:"server"`
	Connected  bool    `json:"connected"`
	Head       uint64  `json:"head"`    // of the server, when it was last known
	Missing    uint64  `json:"missing"` // events up to it that the standby does not have
	LagSeconds float64 `json:"lag_seconds"`
	Full       bool    `json:"full,omitempty"` // it has stopped following for lack of disk space
}

// serverOutput is what clients use.
type serverOutput struct {
	Connections     uint64            `json:"connections"`
	MaxConnections  uint64            `json:"max_connections"`
	CallsInProgress uint64            `json:"calls_in_progress"`
	Memory          []memoryOutput    `json:"memory"`
	Refused         map[string]uint64 `json:"refused"` // number by kind
}

// memoryOutput is the use of a limited amount of memory.
type memoryOutput struct {
	Of        string `json:"of"`
	UsedBytes uint64 `json:"used_bytes"`
	MaxBytes  uint64 `json:"max_bytes"`
}

func newStatusOutput(url string, s *serverState, sessions bool) *statusOutput {
	out := &statusOutput{URL: url, Health: s.health.String(), AppendHealth: s.appends.String(), Head: s.head}
	if s.status == nil {
		return out
	}
	started := s.status.GetStarted().AsTime()
	out.Version, out.Commit, out.Started = s.status.GetVersion(), s.status.GetCommit(), &started
	out.UptimeSeconds = s.status.GetNow().AsTime().Sub(started).Seconds()
	st := s.status.GetStore()
	out.Store = &storeOutput{
		ID:                 st.GetId(),
		LogBytes:           st.GetLogBytes(),
		DiskBytes:          st.GetDiskBytes(),
		Segments:           st.GetSegments(),
		Blocks:             st.GetBlocks(),
		UncoveredEvents:    st.GetUncoveredEvents(),
		Failure:            st.GetFailure(),
		AppendStallSeconds: st.GetAppendStall().AsDuration().Seconds(),
		ReadOnly:           st.GetReadOnly(),
		AppendsWaiting:     st.GetAppends().GetWaiting(),
		Queue:              rates.QuantilesBetween(nil, st.GetAppends().GetQueue()),
		Sync:               rates.QuantilesBetween(nil, st.GetAppends().GetSync()),
	}
	if b := st.GetStandby(); b != nil {
		out.Store.Standby = &standbyOutput{b.GetServer(), b.GetConnected(), b.GetHead(), b.GetMissing(), b.GetLag().AsDuration().Seconds(), b.GetFull()}
	}
	if st.GetSharedLog() != nil {
		out.Store.SharedLog = newSharedLogOutput(st.GetSharedLog())
	}
	if st.GetLastCommit() != nil {
		out.Store.LastCommit = new(st.GetLastCommit().AsTime())
	}
	out.Server = newServerOutput(s)
	out.Subscriptions = s.subscriptions()
	if sessions {
		out.Sessions = s.connections()
	}
	return out
}

func newServerOutput(s *serverState) *serverOutput {
	server := s.status.GetServer()
	out := &serverOutput{
		Connections:     server.GetConnections(),
		MaxConnections:  server.GetMaxConnections(),
		CallsInProgress: uint64(len(s.sessions.GetCalls())),
		Refused:         map[string]uint64{},
	}
	for _, m := range server.GetMemory() {
		out.Memory = append(out.Memory, memoryOutput{m.GetOf(), m.GetUsedBytes(), m.GetMaxBytes()})
	}
	for _, r := range server.GetRefusals() {
		if r.GetCount() > 0 {
			out.Refused[r.GetKind()] = r.GetCount()
		}
	}
	return out
}

// statusText returns the output of status for people.
func statusText(url string, s *serverState, sessions bool) string {
	var b table
	b.title(url)
	b.row("health", s.health.String())
	b.row("of appends", s.appends.String())
	if s.status == nil {
		b.row("head", strconv.FormatUint(s.head, 10))
		b.row("version", "another: this server provides its health and head only")
		return b.String()
	}
	now := s.status.GetNow().AsTime()
	version := s.status.GetVersion()
	if commit := s.status.GetCommit(); commit != "" {
		version += ", commit " + commit
	}
	b.row("version", EscapeControl(version))
	b.row("running for", since(s.status.GetStarted().AsTime(), now))
	b.store(s.status.GetStore(), now)
	b.server(s)
	b.WriteString(subscriptionsText(s))
	if sessions {
		b.WriteString(sessionsText(s, now))
	}
	return b.String()
}

// store writes the state of the store.
func (b *table) store(s *adminv1.StoreStatus, now time.Time) {
	b.row("store", EscapeControl(s.GetId()))
	b.row("head", strconv.FormatUint(s.GetHead(), 10))
	if at := s.GetLastCommit(); at != nil {
		b.row("last commit", fmt.Sprintf("%s, %s ago", at.AsTime().Format(time.RFC3339), since(at.AsTime(), now)))
	}
	b.row("log", fmt.Sprintf("%s in %s", bytesText(s.GetLogBytes()), plural(s.GetSegments(), "segment")))
	b.row("index", fmt.Sprintf("%s, and %s in memory", plural(s.GetBlocks(), "block"), plural(s.GetUncoveredEvents(), "event")))
	b.row("on disk", bytesText(s.GetDiskBytes()))
	if s.GetFailure() != "" {
		b.row("FAILED", EscapeControl(s.GetFailure()))
	}
	if stall := s.GetAppendStall().AsDuration(); stall >= time.Second {
		b.row("appends wait for", stall.Round(time.Second).String())
	}
	a := s.GetAppends()
	b.row("appends", fmt.Sprintf("%d waiting; queue %s, sync %s (50 %%, 99 %%, since the start)", a.GetWaiting(), quantilesText(rates.QuantilesBetween(nil, a.GetQueue())), quantilesText(rates.QuantilesBetween(nil, a.GetSync()))))
	switch standby := s.GetStandby(); {
	case standby != nil:
		b.row("standby of", standbyText(standby))
	case s.GetReadOnly():
		b.row("read-only", "yes")
	case s.GetSharedLog() != nil:
		b.sharedLog(s.GetSharedLog())
	}
}

// standbyText describes how far a standby has followed its server.
func standbyText(s *adminv1.StandbyStatus) string {
	text := word(s.GetServer())
	if !s.GetConnected() {
		text += ", which is not reachable"
	}
	if s.GetFull() {
		text += ", stopped for lack of disk space"
	}
	if s.GetMissing() > 0 {
		text += fmt.Sprintf(", %s missing", plural(s.GetMissing(), "event"))
	}
	if s.GetLag() != nil {
		return text + fmt.Sprintf(", caught up %s ago", s.GetLag().AsDuration().Round(100*time.Millisecond))
	}
	return text + ", caught up"
}

// server writes what clients use.
func (b *table) server(s *serverState) {
	out := newServerOutput(s)
	b.row("connections", fmt.Sprintf("%d of %d", out.Connections, out.MaxConnections))
	b.row("calls", fmt.Sprintf("%d in progress", out.CallsInProgress))
	b.row("memory in use", memoryText(s.status.GetServer()))
	for _, r := range s.status.GetServer().GetRefusals() {
		if r.GetCount() > 0 {
			b.row("refused", fmt.Sprintf("%d: %s", r.GetCount(), word(r.GetKind())))
		}
	}
}

// memoryText returns the parts of the memory for clients that are in use.
func memoryText(s *adminv1.ServerStatus) string {
	var parts []string
	for _, m := range s.GetMemory() {
		parts = append(parts, fmt.Sprintf("%s %d%%", word(m.GetOf()), 100*m.GetUsedBytes()/max(m.GetMaxBytes(), 1)))
	}
	return strings.Join(parts, ", ")
}

// subscriptionsText lists the subscriptions that lag most.
func subscriptionsText(s *serverState) string {
	all, peers := s.subscriptions(), s.peers()
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	number := max(s.sessions.GetSubscriptions(), uint64(len(all))) // an older server does not send it
	fmt.Fprintf(&b, "\n%s, those that lag most first\n", plural(number, "subscription"))
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  LAG\tPOSITION\tEVENTS\tUNREAD\tCLIENT\tKEY\tQUERY")
	for _, c := range all[:min(len(all), listedSubscriptions)] {
		fmt.Fprintf(w, "  %d\t%d\t%d\t%s\t%s\t%s\t%s\n", *c.Lag, c.Position, c.Events, unread(c.UnreadSeconds), word(peers[c.Session]), keyText(c.Key), EscapeControl(c.Query))
	}
	w.Flush()
	return b.String()
}

// keyText returns the name of a key.
func keyText(name string) string {
	if name == "" {
		return "-"
	}
	return word(name)
}

// sessionsText lists the connections, each with its calls.
func sessionsText(s *serverState, now time.Time) string {
	var b strings.Builder
	b.WriteString("\nconnections with their calls in progress, the oldest first, and those without calls last\n")
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, c := range s.connections() {
		agent := word(c.UserAgent)
		switch {
		case !c.Authenticated && c.Key != "":
			agent = "its key was revoked or has expired"
		case !c.Authenticated:
			agent = "no authenticated call yet"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", word(c.Peer), keyText(c.Key), since(c.Since, now), agent)
		for _, call := range c.Calls {
			fmt.Fprintf(w, "    %s\t%s\t%s\t%s\n", word(call.Method), keyText(call.Key), since(call.Since, now), callText(&call))
		}
	}
	w.Flush()
	return b.String()
}

// callText describes how far a call has come.
func callText(c *callState) string {
	if c.Query == "" {
		return "-"
	}
	text := fmt.Sprintf("%s sent, query %s", plural(c.Events, "event"), EscapeControl(c.Query))
	if c.Lag != nil {
		text = fmt.Sprintf("lag %d, ", *c.Lag) + text
	}
	if c.UnreadSeconds > 0 {
		text = "unread for " + unread(c.UnreadSeconds) + ", " + text
	}
	return text
}

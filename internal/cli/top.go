package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/rates"
)

// top shows what a server does.
type top struct {
	operated
	interval     time.Duration
	once, asJSON bool
}

func newTopCommand() *cobra.Command {
	var t top
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show continuously what a server does",
		Long: `top shows the rates of events and calls of a server, their latencies, the growth of
its disk space, and the subscriptions that lag most, each second until Ctrl-C. It
needs a key with the right "admin", if the server requires keys.

On a terminal it redraws one screen; elsewhere it prints one table after the other.
With --once it prints one table, for the first interval, and with --json each table is
a line of JSON. A latency is that of the whole call, within a factor of 2; a stream is
one call, and counts when it ends.`,
		Example: `  umadb top
  umadb top --once --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if t.interval < 100*time.Millisecond {
				return usageErrorf("--interval cannot be %v: it must be 100ms or more", t.interval)
			}
			ctx, stop := untilSignal(cmd)
			defer stop()
			c, err := t.dial(ctx, cmd.Flags())
			if err != nil {
				return err
			}
			defer c.Close()
			return t.run(ctx, c, cmd.OutOrStdout())
		},
	}
	cmd.Flags().DurationVar(&t.interval, "interval", time.Second, "`duration` between two tables")
	cmd.Flags().BoolVar(&t.once, "once", false, "print one table and exit")
	cmd.Flags().BoolVar(&t.asJSON, "json", false, "print each table as a line of JSON")
	perCall(cmd.Flags(), "interval", "once")
	t.addFlags(cmd.Flags())
	return cmd
}

// run shows tables until ctx is done. On a terminal it continues when the server cannot be
// reached for some time.
func (t *top) run(ctx context.Context, c *client.Client, w io.Writer) error {
	before, err := t.state(ctx, c, true)
	if err != nil {
		return asInterrupted(ctx, err)
	}
	if before.status == nil {
		return fmt.Errorf("the server at %s has no service for operators: it is of another version", t.url)
	}
	show := t.print(w)
	live := isTerminal(w) && !t.once && !t.asJSON
	if live {
		s := newScreen(w.(*os.File))
		defer s.close()
		show = func(r *topRates, err error) error { return s.draw(topText(t.url, r, err)) }
	}
	every := time.NewTicker(t.interval)
	defer every.Stop()
	var last *topRates
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
		now, err := t.state(ctx, c, true)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !live:
			return err
		case err == nil && now.status != nil:
			last, before = newRates(t.url, before, now), now
		}
		if err := show(last, err); err != nil || t.once {
			return err
		}
	}
}

// print returns a function that prints a table, or a line of JSON.
func (t *top) print(w io.Writer) func(*topRates, error) error {
	return func(r *topRates, _ error) error {
		if t.asJSON {
			return ndjson.Write(w, r)
		}
		text := topText(t.url, r, nil)
		if !t.once {
			text += "\n"
		}
		_, err := io.WriteString(w, text)
		return err
	}
}

// topText returns a table. failure is why it is not current, or nil; r may then be nil.
func topText(url string, r *topRates, failure error) string {
	var b strings.Builder
	if failure != nil {
		fmt.Fprintf(&b, "%s: %s\n", word(url), EscapeControl(failure.Error()))
	}
	if r == nil {
		return b.String()
	}
	uptime := time.Duration(r.UptimeSeconds * float64(time.Second)).Round(time.Second)
	fmt.Fprintf(&b, "%s  umadb %s  up %v  %s, appends %s  %s\n", word(url), word(r.Version), uptime, r.Health, r.AppendHealth, r.Time.Format("15:04:05Z"))
	if r.Failure != "" {
		fmt.Fprintf(&b, "FAILED: %s\n", EscapeControl(r.Failure))
	}
	fmt.Fprintf(&b, "head %d  %.0f events/s  log %s, %s  disk %s, %s\n", r.Head, r.EventsPerSecond,
		bytesText(r.LogBytes), rateText(r.LogBytesPerSecond), bytesText(r.DiskBytes), rateText(r.DiskBytesPerSecond))
	fmt.Fprintf(&b, "appends waiting %d  conflicts %.1f/s  queue %s  sync %s (50 %%, 99 %%)\n", r.AppendsWaiting, r.ConflictsPerSecond, quantilesText(r.Queue), quantilesText(r.Sync))
	fmt.Fprintf(&b, "connections %d  received %s  sent %s  memory: %s\n\n", r.Connections,
		rateText(r.ReceivedBytesPerSecond), rateText(r.SentBytesPerSecond), memoryText(r.state.status.GetServer()))
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	const header = "METHOD"
	width := len(header)
	for _, m := range r.Methods {
		width = max(width, utf8.RuneCountInString(shortMethod(m.Method)))
	}
	// The name is first, because a narrow terminal cuts lines.
	fmt.Fprintf(w, "%-*s\tIN PROGRESS\tCALLS/S\tFAILED/S\tP50\tP99\t\n", width, header)
	for _, m := range r.Methods {
		fmt.Fprintf(w, "%-*s\t%d\t%.1f\t%.1f\t%s\t%s\t\n", width, shortMethod(m.Method), m.InProgress, m.CallsPerSecond, m.FailedPerSecond, latencyText(m.P50Seconds), latencyText(m.P99Seconds))
	}
	w.Flush()
	b.WriteString(subscriptionsText(r.state))
	return b.String()
}

// quantilesText formats both.
func quantilesText(q rates.Quantiles) string {
	return latencyText(q.P50Seconds) + ", " + latencyText(q.P99Seconds)
}

// rateText formats bytes per second.
func rateText(perSecond float64) string {
	if perSecond < 0 {
		return "-" + bytesText(uint64(-perSecond)) + "/s"
	}
	return bytesText(uint64(perSecond)) + "/s"
}

// latencyText formats a duration in seconds.
func latencyText(seconds float64) string {
	if seconds == 0 {
		return "-"
	}
	if seconds >= 1 {
		return fmt.Sprintf("%.1f s", seconds)
	}
	return fmt.Sprintf("%.3g ms", 1000*seconds)
}

// screen is a terminal on which one text is redrawn.
type screen struct{ file *os.File }

// The control sequences of terminals: the alternative screen with a hidden cursor, back to the
// usual one, the first line, the rest of a line, and the rest of the screen.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	toStart     = "\x1b[H"
	clearLine   = "\x1b[K"
	clearRest   = "\x1b[J"
)

func newScreen(file *os.File) *screen {
	io.WriteString(file, enterScreen)
	return &screen{file}
}

// close restores the terminal.
func (s *screen) close() { io.WriteString(s.file, leaveScreen) }

// draw shows a text, of which it omits what does not fit.
func (s *screen) draw(text string) error {
	width, height, err := term.GetSize(int(s.file.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		width, height = 80, 24
	}
	var b strings.Builder
	b.WriteString(toStart)
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if i == height {
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(fit(line, width) + clearLine)
	}
	b.WriteString(clearRest)
	_, err = io.WriteString(s.file, b.String())
	return err
}

// fit cuts a line to a number of characters.
func fit(line string, width int) string {
	if utf8.RuneCountInString(line) <= width {
		return line
	}
	return string([]rune(line)[:width])
}

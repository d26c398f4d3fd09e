package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/ndjson"
)

func newHealthCommand() *cobra.Command {
	var h healthCheck
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Check the health of a server",
		Long: `health asks a server for its health, prints it, and exits with 0 if it is SERVING.
Otherwise the exit code is 1 if the server is NOT_SERVING, and 5 if it cannot be
reached or does not answer in time. It needs no API key. It is meant for probes of
containers and load balancers.

A server is NOT_SERVING while it stops, and when its store has failed: then a restart
is the remedy. For the other services it is not, since what they report may be temporary.
The service umadb.v1.DCB/append is NOT_SERVING also while no append has succeeded for 10
seconds; on a standby it is always NOT_SERVING. With a shared log, umadb.v1.DCB/append and
umadb.v1.DCB are NOT_SERVING while the log does not answer or the server cannot follow it,
and umadb.v1.DCB/local, for reads of what the server has, stays SERVING.`,
		Example: `  umadb health
  umadb health --url https://localhost:50051 --ca ca.pem --timeout 2s
  umadb health --service umadb.v1.DCB/append --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if h.auth.timeout <= 0 {
				return usageErrorf("--timeout cannot be %v: it must be more than 0", h.auth.timeout)
			}
			ctx, stop := untilSignal(cmd)
			defer stop()
			found, err := h.run(ctx)
			return found.print(cmd.OutOrStdout(), asJSON, err)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&h.service, "service", "", "`name` of the service, for example umadb.v1.DCB/append; the default is the server as a whole")
	flags.DurationVar(&h.auth.timeout, "timeout", 5*time.Second, "maximum `duration` of the whole check")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object")
	perCall(flags, "service", "timeout")
	addURLFlag(flags, &h.url)
	h.auth.addTLSFlags(flags)
	return cmd
}

// healthCheck is a check of the health of a server. auth contains no API key.
type healthCheck struct {
	url     string
	service string
	auth    auth
}

// healthResult is the output of health.
type healthResult struct {
	URL     string `json:"url"`
	Service string `json:"service"` // empty for the server as a whole
	Serving bool   `json:"serving"`
	// Status is that of the protocol, such as SERVING. It is empty if the server has not answered.
	Status string `json:"status,omitempty"`
	Reason string `json:"reason,omitempty"` // why it is not serving
}

// run makes the check. The error is the reason why the server is not serving.
func (h *healthCheck) run(ctx context.Context) (healthResult, error) {
	found := healthResult{URL: h.url, Service: h.service}
	reported, err := h.ask(ctx)
	if err != nil {
		return found, asInterrupted(ctx, err)
	}
	found.Status, found.Serving = reported.String(), reported == client.HealthServing
	return found, h.explain(reported)
}

// ask returns the status that the server reports.
func (h *healthCheck) ask(ctx context.Context) (client.HealthStatus, error) {
	deadline := time.Now().Add(h.auth.timeout)
	c, err := openUntil(ctx, func() (*client.Client, error) {
		return h.auth.dialLoaded(h.url, "start one with umadb serve, or set another --url")
	})
	if err != nil {
		return client.HealthUnknown, err
	}
	defer c.Close()
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	reported, err := c.CheckHealth(ctx, h.service)
	if status.Code(err) == codes.NotFound {
		return client.HealthServiceUnknown, nil
	}
	return reported, err
}

// explain returns the error for a status, or nil if the server is serving.
func (h *healthCheck) explain(reported client.HealthStatus) error {
	why := ""
	switch reported {
	case client.HealthServing:
		return nil
	case client.HealthServiceUnknown:
		return fmt.Errorf("the server reports no health for the service %q", h.service)
	case client.HealthNotServing:
		why = ": it is stopping, its store has failed, no append succeeds, its shared log does not answer, or it is a standby; umadb status and its log have the reason"
	}
	return fmt.Errorf("%s at %s is %v%s", cmp.Or(h.service, "the server"), h.url, reported, why)
}

// print writes the result, and returns the error of the check, if any.
func (r *healthResult) print(w io.Writer, asJSON bool, err error) error {
	switch {
	case asJSON && err == nil:
		return ndjson.Write(w, r)
	case asJSON:
		r.Reason = err.Error()
		return withPrintError(err, ndjson.Write(w, r))
	case err == nil:
		_, err = fmt.Fprintln(w, r.Status)
	}
	return err
}

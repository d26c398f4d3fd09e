package etcd

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Without a majority, etcd refuses requests or does not answer them.
func TestErrorsOfAClusterWithoutAMajority(t *testing.T) {
	for _, err := range []error{rpctypes.ErrNoLeader, context.DeadlineExceeded, status.Error(codes.DeadlineExceeded, "late")} {
		if got := explain(err); !errors.Is(got, err) || !strings.HasSuffix(got.Error(), "more than half of the members of etcd must run, and reach each other") {
			t.Errorf("%v is explained as %v", err, got)
		}
	}
	if err := explain(context.Canceled); err != context.Canceled {
		t.Errorf("a caller that gives up is explained as %v", err)
	}
}

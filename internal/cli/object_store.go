package cli

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/internal/backup"
)

// objectStore are the flags of commands that use an object store.
type objectStore struct{ endpoint string }

func (o *objectStore) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.endpoint, "s3-endpoint", "", "`URL` of an S3 server other than AWS (default: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL)")
}

// target opens the backup at an address, to write it.
func (o *objectStore) target(ctx context.Context, address string, retry func(error)) (backupTarget, error) {
	objects, err := backup.OpenS3(ctx, address, o.endpoint)
	if err != nil {
		return nil, err
	}
	t, err := backup.OpenObjectTarget(ctx, objects, retry)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// source opens the backup at an address, to read it.
func (o *objectStore) source(ctx context.Context, address string) (backupSource, error) {
	objects, err := backup.OpenS3(ctx, address, o.endpoint)
	if err != nil {
		return nil, err
	}
	s, err := backup.OpenObjectSource(ctx, objects)
	return sourceOrNil(s, err)
}

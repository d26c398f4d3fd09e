package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/retry"
)

func (t *ObjectTarget) put(ctx context.Context, name, content string) error {
	return t.upload(ctx, name, io.NewSectionReader(strings.NewReader(content), 0, int64(len(content))))
}

// upload creates an object. Without an error there is one with this name and size.
func (t *ObjectTarget) upload(ctx context.Context, name string, content *io.SectionReader) error {
	err := t.repeat(ctx, func() error {
		if _, err := content.Seek(0, io.SeekStart); err != nil {
			return err
		}
		return t.objects.Put(ctx, name, content)
	})
	if !errors.Is(err, ErrExists) || name == originName {
		return err
	}
	// An attempt whose answer was lost, or another backup of the same groups.
	return t.verify(ctx, name, content.Size())
}

// verify checks that an object exists and has a size.
func (t *ObjectTarget) verify(ctx context.Context, name string, want int64) error {
	var size int64
	err := t.repeat(ctx, func() (err error) {
		size, err = t.objects.Size(ctx, name)
		return err
	})
	if err == nil && size != want {
		err = &dcb.Error{Kind: dcb.ErrCorruption, Detail: fmt.Sprintf("%s/%s has %d bytes instead of %d", t.objects, name, size, want)}
	}
	return err
}

// repeat repeats an action while the object store cannot be reached.
func (t *ObjectTarget) repeat(ctx context.Context, action func() error) error {
	attempts := retry.Attempts{Lost: t.retry}
	for {
		err := action()
		if t.retry == nil || !errors.Is(err, dcb.ErrTransport) || attempts.Failed(ctx, err) != nil {
			return err
		}
	}
}

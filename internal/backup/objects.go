package backup

import (
	"context"
	"errors"
	"io"
)

// ErrExists is returned by Objects.Put if there is an object with this name.
var ErrExists = errors.New("the object exists")

// ErrMissing is returned by Objects.Get and Objects.Size if there is no object with this name.
var ErrMissing = errors.New("there is no such object")

// Objects are the objects below a prefix of an object store. Their errors are those of
// package dcb: ErrTransport if a later attempt may succeed.
type Objects interface {
	// String returns the URL of the prefix.
	String() string
	// List returns the objects whose names start with a prefix.
	List(ctx context.Context, prefix string) ([]Object, error)
	// Put creates an object, and never overwrites one. The store verifies the checksum.
	Put(ctx context.Context, name string, content *io.SectionReader) error
	Get(ctx context.Context, name string) (io.ReadCloser, error)
	// Size returns the size of an object.
	Size(ctx context.Context, name string) (int64, error)
	Delete(ctx context.Context, name string) error
}

// Object is an entry of a list of objects.
type Object struct {
	Name string
	Size int64
}

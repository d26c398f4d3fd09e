package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc/metadata"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire"
)

// openMethods are all that may be called without the API key. Whatever is not
// here needs it, known or not.
var openMethods = map[string]bool{
	"/grpc.health.v1.Health/Check": true,
	"/grpc.health.v1.Health/List":  true,
	"/grpc.health.v1.Health/Watch": true,
}

// keyring knows the API key by its hash, so that comparing tells nothing of
// the key by its time, its length included. The key may be replaced at any time.
type keyring struct {
	hash atomic.Pointer[[sha256.Size]byte] // nil if no key is required
}

// set replaces the key. Calls in progress are not affected.
func (k *keyring) set(key string) error {
	if err := wire.CheckAPIKey(key); err != nil {
		return err
	}
	if key == "" {
		k.hash.Store(nil)
		return nil
	}
	hash := sha256.Sum256([]byte(key))
	k.hash.Store(&hash)
	return nil
}

// admit tells whether the caller of a method may call it: nil, or an error of
// kind dcb.ErrAuthentication.
func (k *keyring) admit(ctx context.Context, method string) error {
	want := k.hash.Load()
	if want == nil || openMethods[method] {
		return nil
	}
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) == 0 {
		return &dcb.Error{Kind: dcb.ErrAuthentication, Detail: "the API key is missing"}
	}
	key, bearer := strings.CutPrefix(values[0], "Bearer ")
	hash := sha256.Sum256([]byte(key))
	if len(values) > 1 || !bearer || subtle.ConstantTimeCompare(hash[:], want[:]) != 1 {
		return &dcb.Error{Kind: dcb.ErrAuthentication, Detail: "the API key is wrong"}
	}
	return nil
}

// SetAPIKey replaces the key that every call must have, for calls that begin from now
// on. The key must not be empty, and a client must be able to send it. Otherwise the
// error is dcb.ErrInvalidArgument, and the key is unchanged.
func (s *Server) SetAPIKey(key string) error {
	if key == "" {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the API key is empty"}
	}
	return s.key.set(key)
}

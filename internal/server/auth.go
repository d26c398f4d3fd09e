package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"strings"
	"sync/atomic"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire"
)

// openMethods are the methods that can be called without the API key. All other
// methods, even unknown ones, require it.
var openMethods = map[string]bool{
	"/grpc.health.v1.Health/Check": true,
	"/grpc.health.v1.Health/List":  true,
	"/grpc.health.v1.Health/Watch": true,
}

// authenticator checks the API key of calls. It compares hashes, so that the time of a
// comparison reveals nothing about the key, not even its length. The key may be
// replaced at any time.
type authenticator struct {
	hash atomic.Pointer[[sha256.Size]byte] // nil if no key is required
}

// setKey replaces the key. Calls in progress are not affected.
func (a *authenticator) setKey(key string) error {
	if err := wire.CheckAPIKey(key); err != nil {
		return err
	}
	if key == "" {
		a.hash.Store(nil)
		return nil
	}
	hash := sha256.Sum256([]byte(key))
	a.hash.Store(&hash)
	return nil
}

// authenticate returns nil if a client with these authorization headers may call the method, and otherwise a
// dcb.ErrAuthentication.
func (a *authenticator) authenticate(values []string, method string) error {
	want := a.hash.Load()
	if want == nil || openMethods[method] {
		return nil
	}
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

// SetAPIKey replaces the API key for calls that start from now on. It fails with
// dcb.ErrInvalidArgument, and keeps the current key, if the new key is empty or a
// client could not send it.
func (s *Server) SetAPIKey(key string) error {
	if key == "" {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the API key is empty"}
	}
	return s.auth.setKey(key)
}

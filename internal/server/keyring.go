package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/umadb-go/umadb/dcb"
)

// openMethods are all that may be called without the API key. Whatever is not
// here needs it, known or not.
var openMethods = map[string]bool{
	"/grpc.health.v1.Health/Check": true,
	"/grpc.health.v1.Health/List":  true,
	"/grpc.health.v1.Health/Watch": true,
}

// keyring knows the API key by its hash, so that comparing tells nothing of
// the key by its time, its length included.
type keyring struct {
	required bool
	hash     [sha256.Size]byte
}

func newKeyring(key string) keyring {
	return keyring{required: key != "", hash: sha256.Sum256([]byte(key))}
}

// admit tells whether the caller of a method may call it: nil, or an error of
// kind dcb.ErrAuthentication.
func (k *keyring) admit(ctx context.Context, method string) error {
	if !k.required || openMethods[method] {
		return nil
	}
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) == 0 {
		return &dcb.Error{Kind: dcb.ErrAuthentication, Detail: "the API key is missing"}
	}
	key, bearer := strings.CutPrefix(values[0], "Bearer ")
	hash := sha256.Sum256([]byte(key))
	if len(values) > 1 || !bearer || subtle.ConstantTimeCompare(hash[:], k.hash[:]) != 1 {
		return &dcb.Error{Kind: dcb.ErrAuthentication, Detail: "the API key is wrong"}
	}
	return nil
}

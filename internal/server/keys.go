package server

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/dcb"
)

// Key is an API key, or the certificate of a client, with what it permits.
type Key struct {
	// Name identifies the key in errors and in the log. It is unique.
	Name string
	// Hash is the SHA-256 of the key. It is nil if Certificate identifies the client.
	Hash *[sha256.Size]byte
	// Certificate is a common name or an alternative name of the client's verified
	// certificate. If there is a hash too, the client needs both.
	Certificate string
	// Rights are the methods that the key permits.
	Rights Rights
	// Types and TagPrefixes limit the events that the key can read and append: the type of
	// an event must be one of Types, and at least one of its tags must have one of
	// TagPrefixes. An empty list is no limit.
	Types, TagPrefixes []string
	// Expires is when the key expires; zero is never.
	Expires time.Time
	// AppendsPerSecond and BytesPerSecond limit the appends with the key and the size of
	// their requests. They may be exceeded by what one second permits. 0 is no limit.
	AppendsPerSecond, BytesPerSecond float64
}

// APIKeyName is the name of the key in Options.APIKey.
const APIKeyName = "api-key"

// key is a key in use.
type key struct {
	Key
	scope          *scope        // nil if the key is not limited to some events
	charging       sync.Mutex    // held while an append is counted
	appends, bytes *rate.Limiter // nil without a limit
	usage          *keyUsage
	// revocable is set if calls in progress end when the key is removed or no longer permits
	// them. The key of Options.APIKey is only ever replaced.
	revocable bool
}

// name returns the name of the key, or "" if none is required.
func (k *key) name() string {
	if k == nil {
		return ""
	}
	return k.Name
}

// keyUsage counts the calls with a key that have ended, by outcome.
type keyUsage struct{ ok, refused, failed atomic.Uint64 }

// ended counts a call.
func (u *keyUsage) ended(code codes.Code) {
	switch code {
	case codes.OK:
		u.ok.Add(1)
	case codes.PermissionDenied, codes.ResourceExhausted:
		u.refused.Add(1)
	default:
		u.failed.Add(1)
	}
}

// usageOf returns the usage of a key, which continues when the key is replaced. before is the
// key that had the same name, or nil.
func usageOf(before *key) *keyUsage {
	if before == nil {
		return new(keyUsage)
	}
	return before.usage
}

// newKey returns a key for use. before is the key that had the same name, or nil: rates that
// have not changed continue.
func newKey(k Key, before *key) *key {
	used := &key{Key: k, scope: newScope(&k), revocable: true, usage: usageOf(before)}
	if before == nil {
		before = new(key)
	}
	used.appends = limiter(k.AppendsPerSecond, before.AppendsPerSecond, before.appends)
	used.bytes = limiter(k.BytesPerSecond, before.BytesPerSecond, before.bytes)
	return used
}

// isExpired reports whether the key has expired.
func (k *key) isExpired() bool { return !k.Expires.IsZero() && !time.Now().Before(k.Expires) }

// keySet is the set of keys that are valid at a time. It does not change.
type keySet struct {
	byHash        map[[sha256.Size]byte]*key
	byCertificate map[string]*key // keys without a hash
	byName        map[string]*key
}

// newKeySet returns a set without keys.
func newKeySet() *keySet {
	return &keySet{
		byHash:        make(map[[sha256.Size]byte]*key),
		byCertificate: make(map[string]*key),
		byName:        make(map[string]*key),
	}
}

// add adds a key. It fails if the key is not valid or another one is the same.
func (s *keySet) add(k *key) error {
	switch {
	case k.Name == "":
		return invalidf("a key has no name")
	case s.byName[k.Name] != nil:
		return invalidf("the name %q occurs twice", k.Name)
	case k.Rights == 0:
		return invalidf("the key %q has no rights", k.Name)
	case !(k.AppendsPerSecond >= 0) || !(k.BytesPerSecond >= 0):
		return invalidf("the rates of the key %q must not be negative", k.Name)
	case k.Hash == nil && k.Certificate == "":
		return invalidf("the key %q has neither a hash nor a certificate", k.Name)
	case k.Hash != nil && s.byHash[*k.Hash] != nil:
		return invalidf("the keys %q and %q have the same hash", s.byHash[*k.Hash].Name, k.Name)
	case k.Hash == nil && s.byCertificate[k.Certificate] != nil:
		return invalidf("the keys %q and %q have the same certificate", s.byCertificate[k.Certificate].Name, k.Name)
	}
	s.byName[k.Name] = k
	if k.Hash != nil {
		s.byHash[*k.Hash] = k
	} else {
		s.byCertificate[k.Certificate] = k
	}
	return nil
}

func invalidf(format string, args ...any) error {
	return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf(format, args...)}
}

// ofCertificate returns the key of a client's certificate, or nil if there is none.
func (s *keySet) ofCertificate(certificate *x509.Certificate) *key {
	if certificate == nil || len(s.byCertificate) == 0 {
		return nil
	}
	for _, name := range certificateNames(certificate) {
		if k := s.byCertificate[name]; k != nil {
			return k
		}
	}
	return nil
}

// certificateNames returns the names in a certificate: first the alternative names, which
// are specific, and then the common name.
func certificateNames(certificate *x509.Certificate) []string {
	names := slices.Concat(certificate.EmailAddresses, certificate.DNSNames)
	for _, uri := range certificate.URIs {
		names = append(names, uri.String())
	}
	if certificate.Subject.CommonName != "" {
		names = append(names, certificate.Subject.CommonName)
	}
	return names
}

package server

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire"
)

// authenticator finds the key of a call. Keys are found by the hash of what the client has
// sent, in a map: how long that takes depends on a hash, from which an attacker learns
// nothing about a key, not even its length. The keys may be replaced at any time.
type authenticator struct {
	current atomic.Pointer[keySet] // nil if no key is required

	mu     sync.Mutex // held while current is replaced
	single *key       // guarded by mu; of Options.APIKey; nil if there is none
	listed []Key      // guarded by mu; of SetKeys; nil if it was not called

	lasting lastingCalls
}

// setSingle replaces the key of Options.APIKey. Calls in progress are not affected.
func (a *authenticator) setSingle(secret string) error {
	if err := wire.CheckAPIKey(secret); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var single *key
	if secret != "" {
		single = &key{Key: Key{Name: APIKeyName, Hash: new(sha256.Sum256([]byte(secret)))}}
	}
	return a.replace(single, a.listed)
}

// setListed replaces the keys of SetKeys, and ends the calls that they no longer permit.
func (a *authenticator) setListed(keys []Key) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.replace(a.single, append([]Key{}, keys...)); err != nil {
		return err
	}
	a.lasting.check(a.current.Load().stillPermits)
	return nil
}

// replace replaces the keys, or fails and changes nothing. The caller must hold mu.
func (a *authenticator) replace(single *key, listed []Key) error {
	if single == nil && listed == nil {
		a.current.Store(nil)
		return nil
	}
	before, set := a.current.Load(), newKeySet()
	if before == nil {
		before = newKeySet()
	}
	if single != nil {
		single = &key{Key: single.Key, usage: usageOf(before.byName[APIKeyName])}
		if single.Rights = AllRights; listed != nil {
			single.Rights &^= RightAdmin
		}
		if err := set.add(single); err != nil {
			return err
		}
	}
	for _, k := range listed {
		if k.Name == APIKeyName {
			return invalidf("the name %q is reserved", k.Name)
		}
		if err := set.add(newKey(k, before.byName[k.Name])); err != nil {
			return err
		}
	}
	a.single, a.listed = single, listed
	a.current.Store(set)
	return nil
}

// authenticate returns the key of a client with these authorization headers and this
// verified certificate, which may be nil. It returns nil if no key is required, and a
// dcb.ErrAuthentication if the client has no valid key.
func (a *authenticator) authenticate(headers []string, certificate *x509.Certificate) (*key, error) {
	set := a.current.Load()
	if set == nil {
		return nil, nil
	}
	k := set.ofCertificate(certificate)
	if len(headers) > 0 {
		secret, bearer := strings.CutPrefix(headers[0], "Bearer ")
		k = set.byHash[sha256.Sum256([]byte(secret))]
		if len(headers) > 1 || !bearer || k == nil {
			return nil, unauthenticated("the API key is wrong")
		}
	}
	switch {
	case k == nil:
		return nil, unauthenticated("the API key is missing")
	case k.isExpired():
		return nil, k.expired()
	case k.Certificate != "" && (certificate == nil || !slices.Contains(certificateNames(certificate), k.Certificate)):
		return nil, unauthenticated("the API key %q can only be used with its client certificate", k.Name)
	}
	return k, nil
}

func unauthenticated(detail string, args ...any) error {
	return &dcb.Error{Kind: dcb.ErrAuthentication, Detail: fmt.Sprintf(detail, args...)}
}

func (k *key) expired() error {
	return unauthenticated("the API key %q has expired at %s", k.Name, k.Expires.UTC().Format("2006-01-02 15:04:05Z"))
}

// CheckKey returns dcb.ErrAuthentication unless a call with this key, which is empty if it has none,
// and without a client certificate would be authenticated. A wrong key is logged with the address of its
// client, which may be nil, as that of a call is.
func (s *Server) CheckKey(key string, from net.Addr) error {
	_, err := s.keyOf(key)
	if err != nil && key != "" {
		s.notices.Warn(refusedKey, from)
	}
	return err
}

// MayAppend returns dcb.ErrAuthentication unless CheckKey succeeds and the key has RightAppend. A key
// without it is logged as well.
func (s *Server) MayAppend(key string, from net.Addr) error {
	k, err := s.keyOf(key)
	if err != nil {
		return err
	}
	denied := (*dcb.Error)(nil)
	if errors.As(k.permits(access{anyOf: RightAppend}), &denied) {
		s.notices.WarnKey(refusedRight, k.name(), from)
		return &dcb.Error{Kind: dcb.ErrAuthentication, Detail: denied.Detail} // as a client reports it
	}
	return nil
}

// keyOf returns the key of a client that sends secret.
func (s *Server) keyOf(secret string) (*key, error) {
	var headers []string
	if secret != "" {
		headers = []string{"Bearer " + secret}
	}
	return s.auth.authenticate(headers, nil)
}

// SetAPIKey replaces the key of Options.APIKey for calls that start from now on. It fails
// with dcb.ErrInvalidArgument, and keeps the current key, if the new key is empty or a
// client could not send it.
func (s *Server) SetAPIKey(key string) error {
	if key == "" {
		return invalidf("the API key is empty")
	}
	return s.auth.setSingle(key)
}

// SetKeys replaces all keys except that of Options.APIKey, which from now on does not have
// RightAdmin. Without any key every call is refused, except those to the health service.
// Appends whose requests have arrived are completed. Reads and subscriptions in progress end if there is no
// longer a key with the same name, or if that does not permit them; a key whose hash alone
// has changed does not end them. SetKeys fails with dcb.ErrInvalidArgument, and changes
// nothing, if a key is not valid.
func (s *Server) SetKeys(keys []Key) error { return s.auth.setListed(keys) }

package keyfile

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// Key is a key of the file. See docs/security.md for the meaning of its fields. In JSON it
// has no hash.
type Key struct {
	Name             string             `json:"name"`
	Hash             *[sha256.Size]byte `json:"-"`                     // nil if there is none
	Certificate      string             `json:"certificate,omitempty"` // empty if there is none
	Rights           []string           `json:"rights"`
	Types            []string           `json:"types,omitempty"` // no limit if nil, or zero below
	TagPrefixes      []string           `json:"tag_prefixes,omitempty"`
	Expires          time.Time          `json:"expires,omitzero"`
	AppendsPerSecond float64            `json:"appends_per_second,omitzero"`
	BytesPerSecond   float64            `json:"bytes_per_second,omitzero"`
}

// Rights are the names of all rights.
var Rights = []string{"read", "append", "subscribe", "tracking", "admin"}

// Prefix is the start of every generated key. Programs that look for secrets in source code
// can recognise keys by it: umadb_[a-z2-7]{52}.
const Prefix = "umadb_"

// NewSecret returns a new random key and its hash.
func NewSecret() (secret string, hash [sha256.Size]byte) {
	random := make([]byte, 32)
	rand.Read(random) // never fails
	secret = Prefix + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(random))
	return secret, sha256.Sum256([]byte(secret))
}

// reservedName is the name of the key that is not in the file, in the log of a server.
const reservedName = "api-key"

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// CheckName returns an error if a key cannot have a name.
func CheckName(name string) error {
	switch {
	case !validName.MatchString(name):
		return fmt.Errorf("a name has 1 to 64 letters, digits, dots, hyphens and underscores, and starts with a letter or digit")
	case name == reservedName:
		return fmt.Errorf("the name %q is reserved for the key of --api-key", name)
	}
	return nil
}

// CheckRight returns an error if there is no right with a name.
func CheckRight(name string) error {
	if slices.Contains(Rights, name) {
		return nil
	}
	return fmt.Errorf("unknown right %.40q%s", name, suggestion(name, Rights))
}

// field is a field of a table [[key]].
type field struct {
	name string
	// set sets the field from a value of TOML, or returns an error that describes what the
	// value must be.
	set func(*Key, any) error
}

// fields lists the fields in the order in which they are written.
var fields = []field{
	{"name", func(k *Key, v any) (err error) {
		if k.Name, err = text(v); err == nil {
			err = CheckName(k.Name)
		}
		return err
	}},
	{"sha256", func(k *Key, v any) error {
		digits, err := text(v)
		if err != nil {
			return err
		}
		hash, err := hex.DecodeString(digits)
		if err != nil || len(hash) != sha256.Size {
			return fmt.Errorf("it must be the SHA-256 of the key as 64 hexadecimal digits, and never the key itself")
		}
		k.Hash = (*[sha256.Size]byte)(hash)
		return nil
	}},
	{"certificate", func(k *Key, v any) (err error) {
		if k.Certificate, err = text(v); err == nil && k.Certificate == "" {
			err = fmt.Errorf("it is empty: write a common name or an alternative name of the certificate")
		}
		return err
	}},
	{"rights", func(k *Key, v any) (err error) {
		if k.Rights, err = texts(v); err != nil {
			return err
		}
		for _, right := range k.Rights {
			if err := CheckRight(right); err != nil {
				return err
			}
		}
		return nil
	}},
	{"types", func(k *Key, v any) (err error) { k.Types, err = texts(v); return err }},
	{"tag_prefixes", func(k *Key, v any) (err error) {
		if k.TagPrefixes, err = texts(v); err == nil && slices.Contains(k.TagPrefixes, "") {
			err = fmt.Errorf("a prefix is empty: write the start of the permitted tags")
		}
		return err
	}},
	{"expires", func(k *Key, v any) (err error) { k.Expires, err = moment(v); return err }},
	{"appends_per_second", func(k *Key, v any) (err error) { k.AppendsPerSecond, err = perSecond(v); return err }},
	{"bytes_per_second", func(k *Key, v any) (err error) { k.BytesPerSecond, err = perSecond(v); return err }},
}

// check returns an error if the fields of a key contradict each other.
func (k *Key) check() error {
	switch {
	case k.Name == "":
		return fmt.Errorf("the key has no name")
	case k.Hash == nil && k.Certificate == "":
		return fmt.Errorf("the key %q has neither sha256 nor certificate", k.Name)
	case len(k.Rights) == 0:
		return fmt.Errorf("the key %q has no rights: list some of %s", k.Name, strings.Join(Rights, ", "))
	}
	return nil
}

func text(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	return "", fmt.Errorf("it must be text in quotes")
}

// texts returns the elements of a list. An empty list is an error, because it could mean
// that nothing is permitted, or that there is no limit.
func texts(v any) ([]string, error) {
	list, _ := v.([]any)
	if len(list) == 0 {
		return nil, fmt.Errorf(`it must be a list of texts that is not empty, such as ["a", "b"]`)
	}
	var out []string
	for _, element := range list {
		s, err := text(element)
		if err != nil {
			return nil, fmt.Errorf(`it must be a list of texts, such as ["a", "b"]`)
		}
		out = append(out, s)
	}
	return out, nil
}

// moment returns a time with an offset, or the start of a day in UTC.
func moment(v any) (time.Time, error) {
	switch t := v.(type) {
	case time.Time:
		return t, nil
	case toml.LocalDate:
		return t.AsTime(time.UTC), nil
	}
	return time.Time{}, fmt.Errorf("it must be a date or a time with its offset, without quotes, such as 2027-01-31 or 2027-01-31T12:00:00Z")
}

func perSecond(v any) (float64, error) {
	rate, ok := v.(float64)
	if whole, isWhole := v.(int64); isWhole {
		rate, ok = float64(whole), true
	}
	if !ok || !(rate > 0) || math.IsInf(rate, 0) {
		return 0, fmt.Errorf("it must be a number above 0, without quotes")
	}
	return rate, nil
}

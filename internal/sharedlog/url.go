package sharedlog

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// ParseURL parses the URL of an engine, which may name several hosts with or without ports, such as
// etcd://a:2379,b/prefix. url.Parse accepts only some of these. The error does not contain the
// URL, which may have a password.
func ParseURL(text string) (u *url.URL, hosts []string, err error) {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		return nil, nil, errors.New("there is no :// after the scheme")
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	start := strings.LastIndex(rest[:end], "@") + 1
	hosts = strings.Split(rest[start:end], ",")
	for _, host := range append(hosts, "host") { // the last one for the rest of the URL
		u, err = url.Parse(scheme + "://" + rest[:start] + host + rest[end:])
		if part, ok := errors.AsType[*url.Error](err); ok {
			err = part.Err
		}
		if err != nil {
			return nil, nil, err
		}
	}
	u.Host = rest[start:end]
	return u, hosts, nil
}

// PasswordVariable is the environment variable of the password of an engine, if its URL has none.
const PasswordVariable = "UMADB_LOG_PASSWORD"

// Parameters are those of a URL that have not been used yet.
type Parameters url.Values

// Take removes a parameter and returns its value, or the standard value if the URL does not have it.
func (p Parameters) Take(name, standard string) string {
	values := url.Values(p)
	defer values.Del(name)
	if !values.Has(name) {
		return standard
	}
	return values.Get(name)
}

const (
	defaultPoll = time.Second
	minPoll     = 10 * time.Millisecond // as often as Wait may return without a new record
)

// TakePoll takes the parameter poll: how long to wait between two questions for new records.
func (p Parameters) TakePoll() (time.Duration, error) {
	text := p.Take("poll", defaultPoll.String())
	poll, err := time.ParseDuration(text)
	if err != nil || poll < minPoll {
		return 0, fmt.Errorf("invalid poll=%s: it must be a duration of at least %v, such as 1s", text, minPoll)
	}
	return poll, nil
}

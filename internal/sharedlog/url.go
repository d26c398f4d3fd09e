package sharedlog

import (
	"errors"
	"net/url"
	"strings"
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

package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// isEmbedded reports whether a browser makes a request for a page of another site, such as for a
// picture or a script. Such a page cannot read the answer, but may measure how long it takes. A
// link to a page of this server is permitted.
func isEmbedded(r *http.Request) bool {
	if !IsForeign(r) {
		return false
	}
	isLink := r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
	return !isLink || r.Method != http.MethodGet && r.Method != http.MethodHead
}

// IsForeign reports whether a request of a browser comes from a page of another site, be it by a link.
func IsForeign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin": // "none" is the user, who has typed or opened the URL
		return false
	}
	return true
}

// isTrustedHost reports whether a request without a key may have this host: an address, or a name
// without a domain. The page of an attacker could make its own domain lead to this server, and then
// read the answers as its own.
func isTrustedHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	_, err := netip.ParseAddr(host)
	return err == nil || !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost")
}

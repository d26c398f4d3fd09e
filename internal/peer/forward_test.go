package peer

import "testing"

// A key is forwarded only over TLS, or on the same machine.
func TestPrivateURLs(t *testing.T) {
	for url, want := range map[string]bool{
		"https://a:1": true, "grpcs://a": true, "umadbs://a": true, "HTTPS://a": true,
		"http://127.0.0.1:1": true, "http://[::1]:1": true,
		"http://a:1": false, "http://10.0.0.1:1": false, "grpc://a": false, "umadb://a": false, "httpsx://a": false, "https": false, "": false,
	} {
		if got := isPrivate(url); got != want {
			t.Errorf("%q: %t", url, got)
		}
	}
}

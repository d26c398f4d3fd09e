package peer

import "testing"

// A key that has arrived encrypted is forwarded only over TLS.
func TestEncryptedURLs(t *testing.T) {
	for url, want := range map[string]bool{
		"https://a:1": true, "grpcs://a": true, "umadbs://a": true,
		"http://a:1": false, "grpc://a": false, "umadb://a": false, "httpsx://a": false, "https": false, "": false,
	} {
		if got := isEncrypted(url); got != want {
			t.Errorf("%q: %t", url, got)
		}
	}
}

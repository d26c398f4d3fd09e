package cli_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// The server knows the address of a client of the console: it is that of its rejections and of the log
// about wrong keys.
func TestClientsOfTheConsoleHaveAddresses(t *testing.T) {
	const key = "example-api-key-4f7c2b1d"
	server := start(t, "--db-path", filepath.Join(t.TempDir(), "uma.db"), "--console", "127.0.0.1:0", "--console-append", "--api-key", key)
	pages, found := server.Output.AwaitMessage(t.Context(), "serving the console")
	if !found {
		t.Fatalf("there is no console: %s", server.Output)
	}
	var address string
	send := func(key, method, path, body string) (status int, text string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+pages+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+key)
		r.Header.Set("Content-Type", "application/json")
		one := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, to)
			if err == nil {
				address = conn.LocalAddr().String()
			}
			return conn, err
		}}}
		response, err := one.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		content, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(content)
	}
	for _, want := range []int{http.StatusOK, http.StatusConflict} {
		if status, text := send(key, "POST", "/v1/append", `{"events":[{"type":"A"}],"condition":{"query":[]}}`); status != want {
			t.Fatalf("the append has the status %d: %s", status, text)
		}
	}
	rejected := address
	if status, text := send(key, "GET", "/rejections.json", ""); status != http.StatusOK || !strings.Contains(text, rejected) {
		t.Errorf("the address %s is not in the rejections (%d): %s", rejected, status, text)
	}
	if status, text := send("wrong", "GET", "/v1/head", ""); status != http.StatusUnauthorized {
		t.Errorf("a wrong key has the status %d: %s", status, text)
	}
	awaitOutput(t, server.Process, "the API key is missing or wrong")
	if text := server.Output.String(); !strings.Contains(text, `"from":["127.0.0.1"]`) {
		t.Errorf("the log is %s", text)
	}
}

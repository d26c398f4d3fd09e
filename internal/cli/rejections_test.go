package cli_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

func TestRejections(t *testing.T) {
	server := start(t, "--db-path", newCountedStore(t))
	url := "http://" + server.address
	code, stdout, stderr := run("rejections", "--url", url)
	if code != 0 || stderr != "" || !strings.HasPrefix(stdout, "0 appends rejected since 2") {
		t.Errorf("exit code %d, output %q, standard error %q", code, stdout, stderr)
	}
	for _, args := range [][]string{
		{"--type", "Joined", "--tag", "n:9", "--tag", "a b", "--fail-if", "type=Left tag=n:5", "--fail-if", `{"tags":["all","n:5"]}`, "--after", "5"},
		{"--type", "Paid", "--tracking", "web=6"},
	} {
		if code, _, stderr := run(append([]string{"append", "--url", url}, args...)...); code != 3 {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
	}
	code, stdout, stderr = run("rejections", "--url", url)
	want := `2  TIME  from 127.0.0.1:PORT
  event      Paid
  tracking   web=6
  rejected   integrity error: non-increasing tracking position for source "web": 6 is not greater than 6, which is recorded

1  TIME  from 127.0.0.1:PORT
  event      Joined n:9 "a b"
  condition  no event after 5 matches type=Left tag=n:5 or tag=all tag=n:5
  rejected   integrity error: the event at position 6 matches the append condition (types ["Left"], tags ["n:5"]) or (types [], tags ["all" "n:5"]) after 5

2 appends rejected since TIME
`
	stdout = regexp.MustCompile(`2\d{3}-[-0-9T:.]+Z`).ReplaceAllString(stdout, "TIME")
	stdout = regexp.MustCompile(`127.0.0.1:\d+`).ReplaceAllString(stdout, "127.0.0.1:PORT")
	if code != 0 || stderr != "" || stdout != want {
		t.Errorf("exit code %d, standard error %q, output\n%s\nwant\n%s", code, stderr, stdout, want)
	}
	code, stdout, stderr = run("rejections", "--url", url, "--limit", "1", "--json")
	var line struct {
		Number    uint64
		Condition *struct{}
		Tracking  struct{ Position uint64 }
		Events    []struct{ Type string }
	}
	if err := json.Unmarshal([]byte(stdout), &line); code != 0 || err != nil || line.Number != 2 || line.Condition != nil || line.Tracking.Position != 6 || line.Events[0].Type != "Paid" {
		t.Errorf("exit code %d, standard error %q, output %q: %+v (%v)", code, stderr, stdout, line, err)
	}
}

func TestRejectionsOfServerWithoutService(t *testing.T) {
	url := serveWithoutAdmin(t, newCountedStore(t))
	code, _, stderr := run("rejections", "--url", url)
	wantError(t, code, stderr, 1, "does not keep rejections")
}

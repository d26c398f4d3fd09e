package httpapi_test

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"testing"
	"time"
)

func TestQuestions(t *testing.T) {
	a := newAPI(t)
	a.want("/v1/tags", `{"tags":[],"distinct":0}`)
	a.append(event("A", "x:1"), event("B", "x:1", "x:2"), event("B", "y"))
	a.want("/v1/head", `{"head":3}`)
	a.want("/v1/position-at?time="+time.Now().Add(time.Hour).UTC().Format(time.RFC3339), `{"position":3}`)
	a.want("/v1/position-at?time=1h", `{"position":0}`)
	a.want("/v1/types", `{"types":[{"name":"B","events":2},{"name":"A","events":1}],"distinct":2}`)
	a.want("/v1/types?order=name", `{"types":[{"name":"A","events":1},{"name":"B","events":2}],"distinct":2}`)
	a.want("/v1/tags?prefix=x:&limit=1", `{"tags":[{"name":"x:1","events":2}],"distinct":2}`)
	a.want("/v1/count?type=B&tag=x:2&item=tag%3Dnone", `{"events":1,"types":[{"name":"B","events":2}],"tags":[{"name":"x:2","events":1},{"name":"none","events":0}]}`)
	a.want("/v1/count", `{"events":3,"types":[],"tags":[]}`)
	a.want("/v1/count?type=B&after=2&since=1h", `{"events":1,"types":[{"name":"B","events":2}],"tags":[]}`)
	a.want("/v1/count?until=1h", `{"events":0,"types":[],"tags":[]}`)
	a.want("/v1/count?until=1h&after=7", `{"events":0,"types":[],"tags":[]}`)
	a.want("/v1/tracking?source=web", `{"source":"web","position":null}`)
}

// TestDescriptionHasEveryPath compares openapi.json with the code.
func TestDescriptionHasEveryPath(t *testing.T) {
	a := newAPI(t)
	var description struct {
		Paths map[string]map[string]any
	}
	if err := json.Unmarshal([]byte(a.get("/v1/openapi.json")), &description); err != nil {
		t.Fatal(err)
	}
	methods := map[string]string{"get": http.MethodHead, "post": http.MethodPost}
	for path, operations := range description.Paths {
		for method := range operations {
			got := a.do(methods[method], path, "")
			if got.status == http.StatusNotFound || got.status == http.StatusMethodNotAllowed {
				t.Errorf("%s %s has the status %d", method, path, got.status)
			}
		}
	}
	source, err := os.ReadFile("routes.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range regexp.MustCompile(`"(?:GET |POST )?(/v1/[^"]+)"`).FindAllSubmatch(source, -1) {
		if _, described := description.Paths[string(match[1])]; !described {
			t.Errorf("openapi.json does not describe %s", match[1])
		}
	}
}

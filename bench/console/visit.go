package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// maxPages is the maximum number of pages that are measured.
const maxPages = 60

// page is a page and the times of its answers.
type page struct {
	link  string // path and query
	first time.Duration
	times []time.Duration
	size  int
}

// quantile returns a quantile of the times.
func (p *page) quantile(q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(p.times))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// visit measures the first page and those that links lead to.
func visit(ctx context.Context, home string, o options) (pages []*page, err error) {
	base, err := url.Parse(home)
	if err != nil {
		return nil, err
	}
	seen, forms := map[string]bool{}, map[string]int{}
	for next := []string{"/"}; len(next) > 0 && len(pages) < maxPages; next = next[1:] {
		link, err := url.Parse(next[0])
		if err != nil {
			return nil, err
		}
		form := link.Path + " " + strings.Join(slices.Sorted(maps.Keys(link.Query())), " ")
		if seen[next[0]] || forms[form] == o.perPath {
			continue
		}
		seen[next[0]] = true
		p := &page{link: next[0]}
		body, isPage, err := p.get(ctx, home)
		if err != nil {
			return nil, err
		}
		if !isPage {
			continue
		}
		forms[form]++
		p.first, p.times = p.times[0], nil
		for range o.requests {
			if _, _, err := p.get(ctx, home); err != nil {
				return nil, err
			}
		}
		pages = append(pages, p)
		next = append(next, links(body, base.JoinPath(link.Path), base.Host)...)
	}
	if len(pages) < 2 {
		return nil, errNoPages
	}
	return pages, nil
}

// get gets the page, and adds the time. It reports whether the answer is a page.
func (p *page) get(ctx context.Context, home string) (body []byte, isPage bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, home+p.link, nil)
	if err != nil {
		return nil, false, err
	}
	start := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, false, err
	}
	defer response.Body.Close()
	if !strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
		return nil, false, nil
	}
	body, err = io.ReadAll(response.Body)
	p.times, p.size = append(p.times, time.Since(start)), len(body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s has the status %s", p.link, response.Status)
	}
	return body, true, err
}

// links returns the links of a page to this server that may be pages.
func links(body []byte, page *url.URL, host string) (found []string) {
	document, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		return nil
	}
	for node := range document.Descendants() {
		if node.Type != html.ElementNode || node.Data != "a" {
			continue
		}
		for _, attribute := range node.Attr {
			if attribute.Key != "href" || strings.HasPrefix(attribute.Val, "#") {
				continue
			}
			link, err := page.Parse(attribute.Val)
			if err == nil && link.Host == host && !strings.HasSuffix(link.Path, ".json") && !strings.HasSuffix(link.Path, ".csv") && !strings.HasPrefix(link.Path, "/v1/") {
				found = append(found, link.RequestURI())
			}
		}
	}
	return found
}

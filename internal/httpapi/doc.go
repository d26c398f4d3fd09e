// Package httpapi serves an event store as JSON over HTTP, under /v1/. The file openapi.json
// describes it, and docs/http.md shows how to use it.
package httpapi

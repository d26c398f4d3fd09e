// Package tracing makes OpenTelemetry spans of the calls of a server: one of the call, and
// for an append one of each part of it. It is configured by the environment variables that
// OpenTelemetry specifies, and continues the traces of callers that send the headers of W3C
// Trace Context.
package tracing

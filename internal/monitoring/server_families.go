package monitoring

import (
	"time"

	"google.golang.org/grpc/codes"
)

// serverFamilies are the metrics of the server.
var serverFamilies = []family{
	{"umadb_build_info", gauge, []string{"version", "commit", "go"}, "Always 1; the labels identify the program.", func(s *snapshot, out samples) {
		number(out, 1, s.version.Version, s.version.Commit, s.version.Go)
	}},
	{"umadb_ready", gauge, nil, "1 if appends are served: as /readyz, and the gRPC health of umadb.v1.DCB/append.", simpleFlag(func(s *snapshot) bool { return s.ready })},
	{"umadb_rpcs_total", counter, []string{"method", "code"}, "RPCs that ended, by method and gRPC status code. All methods that do not exist are unknown.", func(s *snapshot, out samples) {
		for _, m := range s.server.Methods {
			number(out, m.Codes[codes.OK], m.Method, codes.OK.String())
			for code, n := range m.Codes {
				if code != codes.OK {
					number(out, n, m.Method, code.String())
				}
			}
		}
	}},
	{"umadb_rpc_duration_seconds", distribution, []string{"method"}, "Time of RPCs that ended, from their headers until their answer was in the output of the connection. A stream is one RPC.", func(s *snapshot, out samples) {
		for _, m := range s.server.Methods {
			if m.Duration.Count() > 0 {
				tracedBuckets(out, m.Duration, s.traced.of(m.Method), m.Method)
			}
		}
	}},
	{"umadb_rpcs_in_progress", gauge, []string{"method"}, "RPCs in progress. A stream is one RPC.", func(s *snapshot, out samples) {
		for _, m := range s.server.Methods {
			number(out, m.InProgress, m.Method)
		}
	}},
	{"umadb_connections", gauge, nil, "Open connections.", simple(func(s *snapshot) int { return s.server.Connections })},
	{"umadb_connections_limit", gauge, nil, "Connections that may be open.", simple(func(s *snapshot) int { return s.server.MaxConnections })},
	{"umadb_connections_accepted_total", counter, nil, "Connections accepted, including those that were closed at once.", simple(func(s *snapshot) uint64 { return s.server.Accepted })},
	{"umadb_received_bytes_total", counter, nil, "Bytes read from connections; with TLS, encrypted.", simple(func(s *snapshot) uint64 { return s.server.ReceivedBytes })},
	{"umadb_sent_bytes_total", counter, nil, "Bytes written to connections; with TLS, encrypted.", simple(func(s *snapshot) uint64 { return s.server.SentBytes })},
	{"umadb_certificate_expiry_timestamp_seconds", gauge, nil, "When the TLS certificate expires, in seconds since 1970; 0 without TLS.", simpleTime(func(s *snapshot) time.Time { return s.expiry })},
	{"umadb_health_watches", gauge, nil, "Watches of the gRPC health in progress.", simple(func(s *snapshot) int64 { return s.server.HealthWatches })},
	{"umadb_refusals_total", counter, []string{"kind"}, "Calls and connections that were refused or closed, by the kind of limit. The log has a message for each kind.", func(s *snapshot, out samples) {
		for _, r := range s.server.Refusals {
			number(out, r.Count, r.Kind)
		}
	}},
	{"umadb_key_calls_total", counter, []string{"key", "outcome"}, "Calls that ended, by the name of their API key and by outcome: ok; refused, because of the rights, the limits or the rates of the key, or a limit of the server; failed, all others, such as conflicts. Absent without API keys.", func(s *snapshot, out samples) {
		for _, k := range s.server.Keys {
			number(out, k.OK, k.Name, "ok")
			number(out, k.Refused, k.Name, "refused")
			number(out, k.Failed, k.Name, "failed")
		}
	}},
	{"umadb_client_memory_bytes", gauge, []string{"use"}, "Memory that clients use: for calls, requests, parsed queries, those of subscriptions, and responses that are not read yet.", func(s *snapshot, out samples) {
		for _, m := range s.server.Memory {
			number(out, m.Used, m.Of)
		}
	}},
	{"umadb_client_memory_limit_bytes", gauge, []string{"use"}, "Memory that clients may use.", func(s *snapshot, out samples) {
		for _, m := range s.server.Memory {
			number(out, m.Limit, m.Of)
		}
	}},
	{"umadb_client_memory_waiting", gauge, []string{"use"}, "Calls that wait for memory.", func(s *snapshot, out samples) {
		for _, m := range s.server.Memory {
			number(out, m.Waiting, m.Of)
		}
	}},
}

package server

// refusal is a kind of refusal. All kinds are logged and counted by notices.
type refusal int

const (
	refusedCalls refusal = iota
	refusedMemory
	refusedKey
	refusedRight
	refusedRate
	refusedWatches
	refusedConnections
	evictedConnections
	noClientCertificate
	unknownClientCA
	expiredClient
	invalidClient
	closedUnread
	closedStalled
	noDescriptors
	notAccepted
	refusals
)

// refusalKinds are the names of the refusals in the metrics, and their messages in the log.
var refusalKinds = [refusals]struct{ name, message string }{
	refusedCalls:        {"calls", "calls are refused: too many are in progress"},
	refusedMemory:       {"memory", "calls are refused: not enough memory"},
	refusedKey:          {"api_key", "calls are refused: the API key is missing or wrong"},
	refusedRight:        {"api_key_right", "calls are refused: the API key does not permit them"},
	refusedRate:         {"api_key_rate", "appends are refused: a rate limit of the API key is reached"},
	refusedWatches:      {"health_watches", "health watches are refused: there are too many"},
	refusedConnections:  {"connections", "connections are refused: the maximum number is open"},
	evictedConnections:  {"unauthenticated_connections", "connections are closed to admit others: the maximum number is open"},
	noClientCertificate: {"client_certificate_missing", "connections are refused: the client has no certificate"},
	unknownClientCA:     {"client_certificate_authority", "connections are refused: the certificate of the client is not signed by an authority of the client CA"},
	expiredClient:       {"client_certificate_expired", "connections are refused: the certificate of the client has expired or is not valid yet"},
	invalidClient:       {"client_certificate", "connections are refused: the certificate of the client cannot be verified"},
	closedUnread:        {"blocked_write", "connections are closed: their clients do not read what was sent"},
	closedStalled:       {"unread_events", "connections are closed: their clients do not read their events, and others need the memory"},
	noDescriptors:       {"file_descriptors", "connections cannot be accepted: there are no file descriptors left"},
	notAccepted:         {"accept", "connections cannot be accepted"},
}

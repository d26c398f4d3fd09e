package web

// The bounds, for tests.
const (
	MaxConnections = maxConnections
	MaxRequests    = maxRequests
	MaxAppends     = maxAppends
	RequestTimeout = requestTimeout
	WriteTimeout   = writeTimeout
	MemoryTimeout  = memoryTimeout
)

// IsTrustedHost is isTrustedHost.
var IsTrustedHost = isTrustedHost

// ClaimBodies claims all memory for bodies.
func (s *Server) ClaimBodies() { s.bodies.TryAcquire(bodiesMemory(s.options.RequestBytes)) }

package web

// The bounds, for tests.
const (
	MaxConnections = maxConnections
	MaxRequests    = maxRequests
	MaxBodies      = maxBodies
	MaxOpen        = maxOpen
	OpenTimeout    = openTimeout
	MaxAppends     = maxAppends
	RequestTimeout = requestTimeout
	WriteTimeout   = writeTimeout
	MemoryTimeout  = memoryTimeout
)

// IsTrustedHost is isTrustedHost.
var IsTrustedHost = isTrustedHost

// ClaimBodies claims all memory for bodies.
func (s *Server) ClaimBodies() { s.bodies.TryAcquire(bodiesMemory(s.options.RequestBytes)) }

// ClaimShare claims all memory for bodies that a key can use.
func (s *Server) ClaimShare(key string) { s.shares.claim(key, s.shares.each) }

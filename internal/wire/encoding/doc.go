// Package encoding is the bytes of events, requests and responses: how they
// are validated, made canonical, stored and read back. It works on protobuf
// bytes directly, so that an event is neither decoded nor encoded on its way
// from a request to the log and from the log to a response.
//
// Canonical is what an encoder that follows the schema writes: fields in
// ascending order, empty ones left out, lengths in their shortest form, no
// unknown fields, and the UUID in lower case with hyphens.
package encoding

// Package record validates, normalises, encodes and decodes the bytes of
// events, requests and responses. It works on protobuf bytes directly, so that
// an event is neither decoded nor encoded between a request and the log, or
// between the log and a response.
//
// The canonical encoding of an event is the one that an encoder of the schema
// writes: fields in ascending order, no empty and no unknown fields, lengths in
// their shortest form, and the UUID in lower case with hyphens.
package record

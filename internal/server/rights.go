package server

import (
	"fmt"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/wire"
)

// Rights is a set of rights of an API key.
type Rights uint8

// The rights. RightRead permits reads, RightSubscribe subscriptions, which also return
// stored events, RightAppend appends, RightTracking reading and recording the positions of
// tracking sources, and RightAdmin the administration of the server.
const (
	RightRead Rights = 1 << iota
	RightAppend
	RightSubscribe
	RightTracking
	RightAdmin

	AllRights = RightRead | RightAppend | RightSubscribe | RightTracking | RightAdmin
)

// rightNames are the names of the rights, in the order of their bits.
var rightNames = [...]string{"read", "append", "subscribe", "tracking", "admin"}

// ParseRight returns the right with a name, or 0 if there is none.
func ParseRight(name string) Rights {
	for i, known := range rightNames {
		if name == known {
			return 1 << i
		}
	}
	return 0
}

// String returns the names of the rights.
func (r Rights) String() string {
	var names []string
	for i, name := range rightNames {
		if r&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// methodRights lists, for each method, the rights of which a key needs at least one; handlers
// check the rest. A method that is not listed needs RightAdmin, as all of umadb.admin.v1 do,
// so that a new one is not available to every key.
var methodRights = map[string]Rights{
	"umadb.v1.DCB/Append":          RightAppend,
	"umadb.cluster.v1.Peer/Append": RightAppend,
	"umadb.v1.DCB/Read":            RightRead | RightSubscribe, // ReadRequest.subscribe decides which
	"umadb.v1.DCB/Subscribe":       RightSubscribe,
	"umadb.v1.DCB/Head":            RightRead | RightAppend | RightSubscribe,
	"umadb.v1.DCB/PositionAt":      RightRead | RightAppend | RightSubscribe,
	"umadb.v1.DCB/GetTrackingInfo": RightTracking,
	"umadb.v1.DCB/Terms":           RightRead | RightSubscribe, // reads show the same
	"umadb.v1.DCB/Count":           RightRead | RightSubscribe, // likewise

	// Every key may list the methods, which are not secret.
	"grpc.reflection.v1.ServerReflection/ServerReflectionInfo":      AllRights,
	"grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": AllRights,
}

// openService is the service that can be called without a key.
const openService = "grpc.health.v1.Health"

// rightsOf returns the rights of which a key needs at least one to call a registered method.
func rightsOf(service, method string) Rights {
	if service == legacyService {
		service = dcbService
	}
	if rights, listed := methodRights[service+"/"+method]; listed {
		return rights
	}
	return RightAdmin
}

// access is what a call uses, besides the number of the head.
type access struct {
	anyOf Rights               // a key needs at least one of them
	query *dcb.Query           // of events that are read; may be nil
	terms *record.TermsRequest // for types or tags; may be nil
}

// permits returns nil if the key permits what a call uses. The zero key, which is nil,
// permits everything: no key is required.
func (k *key) permits(a access) error {
	switch {
	case k == nil:
		return nil
	case k.Rights&a.anyOf == 0:
		return k.denied("needs the right %s", strings.ReplaceAll(a.anyOf.String(), ", ", " or "))
	case a.query != nil && k.scope != nil:
		return k.permitsQuery(*a.query)
	case a.terms != nil && k.scope != nil:
		return k.permitsTerms(a.terms)
	}
	return nil
}

// permitsTimes returns nil if the key may look up positions by time. With several calls, that shows
// when any event was recorded.
func (k *key) permitsTimes() error {
	if k != nil && k.scope != nil {
		return k.denied("has limits, so it cannot look up positions by time, which would show the times of all events; the events that it reads have their times")
	}
	return nil
}

// denied returns the error for a call that the key does not permit. The reason follows the
// name of the key.
func (k *key) denied(reason string, args ...any) error {
	return &dcb.Error{Kind: wire.ErrPermission, Detail: fmt.Sprintf("the API key %q ", k.Name) + fmt.Sprintf(reason, args...)}
}

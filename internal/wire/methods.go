package wire

// The methods of the service umadb.v1.DCB.
const (
	MethodAppend          = "/umadb.v1.DCB/Append"
	MethodHead            = "/umadb.v1.DCB/Head"
	MethodPositionAt      = "/umadb.v1.DCB/PositionAt"
	MethodGetTrackingInfo = "/umadb.v1.DCB/GetTrackingInfo"
	MethodRead            = "/umadb.v1.DCB/Read"
	MethodSubscribe       = "/umadb.v1.DCB/Subscribe"
	MethodTerms           = "/umadb.v1.DCB/Terms"
	MethodCount           = "/umadb.v1.DCB/Count"
)

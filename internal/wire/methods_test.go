package wire_test

import (
	"testing"

	"github.com/umadb-go/umadb/internal/wire"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

func TestMethodsAreThoseOfTheService(t *testing.T) {
	for got, want := range map[string]string{
		wire.MethodAppend:          umadbv1.DCB_Append_FullMethodName,
		wire.MethodHead:            umadbv1.DCB_Head_FullMethodName,
		wire.MethodPositionAt:      umadbv1.DCB_PositionAt_FullMethodName,
		wire.MethodGetTrackingInfo: umadbv1.DCB_GetTrackingInfo_FullMethodName,
		wire.MethodRead:            umadbv1.DCB_Read_FullMethodName,
		wire.MethodSubscribe:       umadbv1.DCB_Subscribe_FullMethodName,
		wire.MethodTerms:           umadbv1.DCB_Terms_FullMethodName,
		wire.MethodCount:           umadbv1.DCB_Count_FullMethodName,
	} {
		if got != want {
			t.Errorf("%s should be %s", got, want)
		}
	}
}

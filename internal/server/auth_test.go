package server_test

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

const apiKey = "umadb:test-key-4f7c2b1d"

func TestAllMethodsExceptHealthRequireKey(t *testing.T) {
	c := start(t, newMemoryStore(), server.Options{APIKey: apiKey}).raw(t)
	var methods []string
	for _, method := range umadbv1.DCB_ServiceDesc.Methods {
		methods = append(methods, "/umadb.v1.DCB/"+method.MethodName)
	}
	for _, stream := range umadbv1.DCB_ServiceDesc.Streams {
		methods = append(methods, "/umadb.v1.DCB/"+stream.StreamName)
	}
	if len(methods) != 8 {
		t.Fatalf("the service has the methods %v", methods)
	}
	for _, method := range methods {
		methods = append(methods, legacyName(method))
	}
	methods = append(methods,
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
		"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
		"/grpc.health.v1.Health/Other",
		"/umadb.v1.DCB/Other",
		"/other.Service/Other",
	)
	for _, method := range methods {
		t.Run(method, func(t *testing.T) {
			answer := c.post(t, method, strings.NewReader("garbage"))
			if answer.code != codes.Unauthenticated {
				t.Errorf("status is %v: %q", answer.code, answer.message)
			}
			response := new(umadbv1.ErrorResponse)
			if err := proto.Unmarshal(answer.details, response); err != nil || response.ErrorType != umadbv1.ErrorResponse_AUTHENTICATION {
				t.Errorf("details are %q", answer.details)
			}
		})
	}
	for _, method := range []string{"Check", "List"} {
		if answer := c.post(t, "/grpc.health.v1.Health/"+method, request(t, &health.HealthCheckRequest{})); answer.code != codes.OK {
			t.Errorf("health %s without a key: %v", method, answer.code)
		}
	}
}

func TestOnlyCorrectKeyIsAccepted(t *testing.T) {
	c := start(t, newMemoryStore(), server.Options{APIKey: apiKey}).raw(t)
	for header, want := range map[string]codes.Code{
		"Bearer " + apiKey:           codes.OK,
		"Bearer " + apiKey[1:]:       codes.Unauthenticated,
		"Bearer " + apiKey + "x":     codes.Unauthenticated,
		"Bearer  " + apiKey:          codes.Unauthenticated,
		"bearer " + apiKey:           codes.Unauthenticated,
		"Basic " + apiKey:            codes.Unauthenticated,
		apiKey:                       codes.Unauthenticated,
		"Bearer ":                    codes.Unauthenticated,
		"Bearer":                     codes.Unauthenticated,
		"":                           codes.Unauthenticated,
		"Bearer " + apiKey + ",x":    codes.Unauthenticated,
		"Bearer a, Bearer " + apiKey: codes.Unauthenticated,
	} {
		answer := c.post(t, "/umadb.v1.DCB/Head", request(t, &umadbv1.HeadRequest{}), "Authorization", header)
		if answer.code != want {
			t.Errorf("%q ends with %v", header, answer.code)
		}
	}
}

func TestNewRejectsKeyThatCannotBeSent(t *testing.T) {
	for _, key := range []string{apiKey + "\n", " " + apiKey, "clé"} {
		if _, err := server.New(newMemoryStore(), server.Options{APIKey: key}); !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%q: %v", key, err)
		}
	}
}

func TestWithoutKeyAnyKeyIsAccepted(t *testing.T) {
	c := start(t, newMemoryStore(), server.Options{}).raw(t)
	answer := c.post(t, "/umadb.v1.DCB/Head", request(t, &umadbv1.HeadRequest{}), "Authorization", "Bearer whatever")
	if answer.code != codes.OK {
		t.Errorf("status is %v", answer.code)
	}
}

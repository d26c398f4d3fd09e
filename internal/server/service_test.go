package server_test

import (
	"testing"

	"google.golang.org/grpc/codes"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/umadb-go/umadb/internal/server"
)

func TestReflectionListsServices(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{})
	stream, err := reflection.NewServerReflectionClient(r.dial(t)).ServerReflectionInfo(within(t, patience))
	if err != nil {
		t.Fatal(err)
	}
	exchange := func(request *reflection.ServerReflectionRequest) *reflection.ServerReflectionResponse {
		t.Helper()
		if err := stream.Send(request); err != nil {
			t.Fatal(err)
		}
		answer, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	shown := map[string]bool{}
	list := exchange(&reflection.ServerReflectionRequest{MessageRequest: &reflection.ServerReflectionRequest_ListServices{}})
	for _, service := range list.GetListServicesResponse().GetService() {
		shown[service.Name] = true
		file := exchange(&reflection.ServerReflectionRequest{
			MessageRequest: &reflection.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: service.Name},
		})
		described := file.GetFileDescriptorResponse().GetFileDescriptorProto()
		descriptor := new(descriptorpb.FileDescriptorProto)
		if len(described) == 0 || proto.Unmarshal(described[0], descriptor) != nil {
			t.Errorf("%s has no description: %v", service.Name, file)
		}
		if service.Name == "umadb.v1.DCB" && descriptor.GetName() != "umadb/v1/umadb.proto" {
			t.Errorf("%s is described by %s", service.Name, descriptor.GetName())
		}
	}
	if !shown["umadb.v1.DCB"] || !shown["grpc.health.v1.Health"] || shown["umadb.UmaDBService"] {
		t.Errorf("the services are %v", shown)
	}
}

func TestShutdownEndsReflectionStreams(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{})
	stream, err := reflection.NewServerReflectionClient(r.dial(t)).ServerReflectionInfo(within(t, patience))
	if err != nil {
		t.Fatal(err)
	}
	list := &reflection.ServerReflectionRequest{MessageRequest: &reflection.ServerReflectionRequest_ListServices{}}
	if err := stream.Send(list); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	if err := r.Shutdown(within(t, patience)); err != nil {
		t.Error(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("the stream ends with %v", err)
	}
}

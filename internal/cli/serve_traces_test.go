package cli

import "testing"

// A command that only prints the settings needs no exporter.
func TestValidationMakesNoTracer(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	var c callLog
	if err := c.validate(); err != nil || c.tracer != nil {
		t.Errorf("the tracer is %v, the error %v", c.tracer, err)
	}
	if err := c.preflight(); err != nil || c.tracer == nil {
		t.Fatalf("the tracer for a server is %v, the error %v", c.tracer, err)
	}
	if err := c.tracer.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

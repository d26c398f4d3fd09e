// Command validate checks the Kubernetes objects on standard input, as "helm template" prints
// them, against the Go types of the Kubernetes API: unknown fields and wrong types are errors.
// It prints the configuration file of the server. With an argument, there need not be one.
package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail(err)
	}
	config := ""
	for document := range strings.SplitSeq("\n"+string(input), "\n---\n") {
		var header metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(document), &header); err != nil {
			fail(err)
		}
		if header.Kind == "" {
			continue
		}
		object := newObject(header)
		if object == nil {
			continue
		}
		if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
			fail(fmt.Errorf("%s: %w", header.Kind, err))
		}
		if settings, ok := object.(*corev1.ConfigMap); ok {
			config = settings.Data["umadb.toml"]
		}
	}
	if config == "" && len(os.Args) == 1 {
		fail(fmt.Errorf("there is no configuration file"))
	}
	fmt.Print(config)
}

// newObject returns an empty object of a type, or nil for a type of another project.
func newObject(header metav1.TypeMeta) any {
	switch header.APIVersion + " " + header.Kind {
	case "v1 ConfigMap":
		return new(corev1.ConfigMap)
	case "v1 Service":
		return new(corev1.Service)
	case "apps/v1 StatefulSet":
		return new(appsv1.StatefulSet)
	case "batch/v1 CronJob":
		return new(batchv1.CronJob)
	case "batch/v1 Job":
		return new(batchv1.Job)
	case "policy/v1 PodDisruptionBudget":
		return new(policyv1.PodDisruptionBudget)
	case "monitoring.coreos.com/v1 ServiceMonitor":
		return nil
	}
	fail(fmt.Errorf("unknown type %s %s", header.APIVersion, header.Kind))
	return nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "validate:", err)
	os.Exit(1)
}

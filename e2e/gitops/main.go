// What Argo CD and Flux do with our manifests, by their own libraries: Flux's apply, prune, kstatus and CEL health checks;
// Argo CD's Lua engine and the three-way merge of its diff. Tests of the operator run it; it ships nowhere.
//
//	gitops health ARGOCD_CM FLUX_KUSTOMIZATION     objects (a JSON list) on stdin, a JSON list of readings on stdout
//	gitops three-way                               {"live": …, "config": …} on stdin, the changed fields as JSON on stdout
//	gitops flux-apply KUBECONFIG NAME NAMESPACE INVENTORY    manifests (YAML) on stdin, a line for each change on stdout
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gitops:", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	ctx := context.Background()
	switch {
	case len(args) == 3 && args[0] == "health":
		return health(ctx, args[1], args[2], in, out)
	case len(args) == 1 && args[0] == "three-way":
		return threeWay(in, out)
	case len(args) == 5 && args[0] == "flux-apply":
		return fluxApply(ctx, args[1], args[2], args[3], args[4], in, out)
	}
	return fmt.Errorf("no such command: %s; see the head of main.go", strings.Join(args, " "))
}

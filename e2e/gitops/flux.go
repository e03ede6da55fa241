package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/fluxcd/cli-utils/pkg/object"
	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/normalize"
	"github.com/fluxcd/pkg/ssa/utils"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fluxApply does one pass of kustomize-controller: apply what is given, then prune what the inventory (a file with a line
// for each object) has beyond it, and write the new inventory.
func fluxApply(ctx context.Context, kubeconfig, name, namespace, inventory string, in io.Reader, out io.Writer) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	kube, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	owner := ssa.Owner{Field: "kustomize-controller", Group: "kustomize.toolkit.fluxcd.io"}
	manager := ssa.NewResourceManager(kube, nil, owner)
	var objects []*unstructured.Unstructured
	if objects, err = utils.ReadObjects(in); err != nil {
		return err
	}
	if err := normalize.UnstructuredList(objects); err != nil {
		return err
	}
	manager.SetOwnerLabels(objects, name, namespace)
	applied, err := manager.ApplyAll(ctx, objects, ssa.DefaultApplyOptions())
	if err != nil {
		return err
	}
	var now []string
	for _, entry := range applied.Entries {
		fmt.Fprintln(out, entry.String())
		now = append(now, entry.ObjMetadata.String()+"|"+entry.GroupVersion)
	}
	stale, err := staleObjects(inventory, now)
	if err != nil {
		return err
	}
	options := ssa.DefaultDeleteOptions()
	options.Inclusions = manager.GetOwnerLabels(name, namespace)
	options.Exclusions = map[string]string{"kustomize.toolkit.fluxcd.io/prune": "disabled"}
	if len(stale) > 0 {
		pruned, err := manager.DeleteAll(ctx, stale, options)
		if err != nil {
			return err
		}
		for _, entry := range pruned.Entries {
			fmt.Fprintln(out, entry.String())
		}
	}
	return os.WriteFile(inventory, []byte(strings.Join(now, "\n")+"\n"), 0o600)
}

// staleObjects are those of the inventory that are not among the present ones, in the order in which Flux deletes.
func staleObjects(inventory string, now []string) ([]*unstructured.Unstructured, error) {
	file, err := os.Open(inventory)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var stale []*unstructured.Unstructured
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		if line == "" || slices.Contains(now, line) {
			continue
		}
		id, version, _ := strings.Cut(line, "|")
		metadata, err := object.ParseObjMetadata(id)
		if err != nil {
			return nil, err
		}
		u := &unstructured.Unstructured{}
		u.SetGroupVersionKind(metadata.GroupKind.WithVersion(version))
		u.SetName(metadata.Name)
		u.SetNamespace(metadata.Namespace)
		stale = append(stale, u)
	}
	return stale, nil
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Reading is what the three tools make of one object.
type Reading struct {
	Kstatus string `json:"kstatus"`
	Argo    string `json:"argo"`
	Message string `json:"message"`
	Flux    string `json:"flux"`
}

func health(ctx context.Context, argoFile, fluxFile string, in io.Reader, out io.Writer) error {
	scripts, err := argoScripts(argoFile)
	if err != nil {
		return err
	}
	checks, err := fluxChecks(fluxFile)
	if err != nil {
		return err
	}
	var objects []map[string]any
	if err := decode(in, &objects); err != nil {
		return err
	}
	readings := make([]Reading, 0, len(objects))
	for _, object := range objects {
		u := &unstructured.Unstructured{Object: object}
		computed, err := status.Compute(u)
		if err != nil {
			return fmt.Errorf("kstatus: %w", err)
		}
		reading := Reading{Kstatus: computed.Status.String()}
		key := "resource.customizations.health." + u.GroupVersionKind().Group + "_" + u.GetKind()
		script, found := scripts[key]
		if !found {
			return fmt.Errorf("%s has no key %s", argoFile, key)
		}
		if reading.Argo, reading.Message, err = argoHealth(script, object); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if reading.Flux, err = fluxHealth(ctx, checks, u); err != nil {
			return err
		}
		readings = append(readings, reading)
	}
	return json.NewEncoder(out).Encode(readings)
}

// decode keeps whole numbers whole, as clients of the API server have them.
func decode(in io.Reader, into *[]map[string]any) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	for _, one := range raw {
		u := &unstructured.Unstructured{}
		if err := u.UnmarshalJSON(one); err != nil {
			return err
		}
		*into = append(*into, u.Object)
	}
	return nil
}

// argoScripts reads the ConfigMap argocd-cm, or the part of it that is ours.
func argoScripts(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var configMap struct {
		Data map[string]string `json:"data"`
	}
	if err := yaml.Unmarshal(text, &configMap); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return configMap.Data, nil
}

// argoHealth runs a script as Argo CD does: gopher-lua, the libraries base, table and string, the object as `obj`.
func argoHealth(script string, object map[string]any) (string, string, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}, {lua.StringLibName, lua.OpenString}} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(library.open), Protect: true}, lua.LString(library.name)); err != nil {
			return "", "", err
		}
	}
	state.SetGlobal("obj", luaValue(state, object))
	if err := state.DoString(script); err != nil {
		return "", "", err
	}
	answer, isTable := state.Get(-1).(*lua.LTable)
	if !isTable {
		return "", "", fmt.Errorf("the script returns %s, not a table", state.Get(-1).Type())
	}
	return answer.RawGetString("status").String(), lua.LVAsString(answer.RawGetString("message")), nil
}

func luaValue(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case string:
		return lua.LString(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	case []any:
		table := state.NewTable()
		for _, item := range value {
			table.Append(luaValue(state, item))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for key, item := range value {
			table.RawSetString(key, luaValue(state, item))
		}
		return table
	}
	return lua.LNil
}

// fluxChecks reads spec.healthCheckExprs of a Kustomization.
func fluxChecks(file string) ([]kustomize.CustomHealthCheck, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var kustomization struct {
		Spec struct {
			HealthCheckExprs []kustomize.CustomHealthCheck `json:"healthCheckExprs"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &kustomization); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return kustomization.Spec.HealthCheckExprs, nil
}

func fluxHealth(ctx context.Context, checks []kustomize.CustomHealthCheck, u *unstructured.Unstructured) (string, error) {
	for _, check := range checks {
		if check.APIVersion != u.GetAPIVersion() || (check.Kind != "" && check.Kind != u.GetKind()) {
			continue
		}
		evaluator, err := cel.NewStatusEvaluator(&check.HealthCheckExpressions)
		if err != nil {
			return "", err
		}
		result, err := evaluator.Evaluate(ctx, u)
		if err != nil {
			// Flux tries again until the time of the Kustomization is over.
			return "Error: " + err.Error(), nil
		}
		return result.Status.String(), nil
	}
	return "", fmt.Errorf("no health check is about %s %s", u.GetAPIVersion(), u.GetKind())
}

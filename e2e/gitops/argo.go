package main

import (
	"encoding/json"
	"io"
	"reflect"

	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
)

// threeWay prints the merge patch of Argo CD's diff for kinds that are no built-in ones: from what was applied last, what
// is in Git, and what lives. An empty object means "Synced".
func threeWay(in io.Reader, out io.Writer) error {
	var input struct{ Live, Config json.RawMessage }
	if err := json.NewDecoder(in).Decode(&input); err != nil {
		return err
	}
	var live struct {
		Metadata struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(input.Live, &live); err != nil {
		return err
	}
	// The record of the last apply has the map of annotations even where Git has none, so what is applied anew has it too.
	var config map[string]any
	if err := json.Unmarshal(input.Config, &config); err != nil {
		return err
	}
	if metadata, isMap := config["metadata"].(map[string]any); isMap && metadata["annotations"] == nil {
		metadata["annotations"] = map[string]any{}
	}
	modified, err := json.Marshal(config)
	if err != nil {
		return err
	}
	applied := []byte(live.Metadata.Annotations["kubectl.kubernetes.io/last-applied-configuration"])
	patch, err := jsonmergepatch.CreateThreeWayJSONMergePatch(applied, modified, input.Live)
	if err != nil {
		return err
	}
	// Argo CD compares what lives with what the patch would make of it; its own annotation is no difference.
	var changed map[string]any
	if err := json.Unmarshal(patch, &changed); err != nil {
		return err
	}
	if reflect.DeepEqual(changed["metadata"], map[string]any{}) {
		delete(changed, "metadata")
	}
	return json.NewEncoder(out).Encode(changed)
}

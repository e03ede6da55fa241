// promlint reads a file of Prometheus rules and a Grafana dashboard as Prometheus itself would: names, templates, PromQL. Of the
// rules' unit tests it reads whether each alert has one in which it fires and one in which it does not.
// usage: promlint RULES DASHBOARD TESTS
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"gopkg.in/yaml.v3"
)

// Grafana puts these in before it asks.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h")

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: promlint RULES DASHBOARD TESTS")
		os.Exit(2)
	}
	groups, faults := rulefmt.ParseFile(os.Args[1], false)
	if len(faults) == 0 && len(groups.Groups) == 0 {
		faults = append(faults, fmt.Errorf("%s has no groups", os.Args[1]))
	}
	queries, err := queries(os.Args[2])
	if err != nil {
		faults = append(faults, err)
	}
	for _, query := range queries {
		if _, err := parser.ParseExpr(variables.Replace(query)); err != nil {
			faults = append(faults, fmt.Errorf("%s: %s: %w", os.Args[2], query, err))
		}
	}
	tested, err := tested(os.Args[3])
	if err != nil {
		faults = append(faults, err)
	}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			if outcomes := tested[rule.Alert]; !outcomes.fires || !outcomes.silent {
				faults = append(faults, fmt.Errorf("%s: %s needs a test in which it fires and one in which it does not", os.Args[3], rule.Alert))
			}
		}
	}
	if len(faults) > 0 {
		for _, fault := range faults {
			fmt.Fprintln(os.Stderr, fault)
		}
		os.Exit(1)
	}
	rules := 0
	for _, group := range groups.Groups {
		rules += len(group.Rules)
	}
	fmt.Printf("Prometheus reads %d alerts and %d queries of the dashboard\n", rules, len(queries))
}

// outcomes of an alert over all its tests.
type outcomes struct{ fires, silent bool }

// tested is by alert what its tests expect of it.
func tested(path string) (map[string]outcomes, error) {
	var file struct {
		Tests []struct {
			Asked []struct {
				Alert string      `yaml:"alertname"`
				Fired []yaml.Node `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	text, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(text, &file)
	}
	found := map[string]outcomes{}
	for _, test := range file.Tests {
		for _, asked := range test.Asked {
			known := found[asked.Alert]
			found[asked.Alert] = outcomes{known.fires || len(asked.Fired) > 0, known.silent || len(asked.Fired) == 0}
		}
	}
	return found, err
}

// queries are the panels' expressions; a dashboard without any is none.
func queries(path string) ([]string, error) {
	var dashboard struct {
		Panels []struct {
			Targets []struct{ Expr string }
		}
	}
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &dashboard)
	}
	if err != nil {
		return nil, err
	}
	var found []string
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			found = append(found, target.Expr)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has no queries", path)
	}
	return found, nil
}

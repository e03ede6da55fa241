// promlint reads a file of Prometheus rules and a Grafana dashboard as Prometheus itself would: names, templates, PromQL.
// usage: promlint RULES DASHBOARD
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// Grafana puts these in before it asks.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h")

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: promlint RULES DASHBOARD")
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

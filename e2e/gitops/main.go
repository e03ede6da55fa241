package main

import (
	_ "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	_ "github.com/fluxcd/pkg/runtime/cel"
	_ "github.com/fluxcd/pkg/ssa"
	_ "github.com/yuin/gopher-lua"
	_ "k8s.io/apimachinery/pkg/util/jsonmergepatch"
)

func main() {}

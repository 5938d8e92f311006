// Evaluates one policy over and over, for `cargo xtask bench rego`; see the example measure of policy/rego for what it is
// given and prints.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/util"
)

func main() {
	if len(os.Args) != 5 {
		log.Fatal("usage: opa FOLDER QUERY v0|v1 MILLISECONDS")
	}
	folder, query := os.Args[1], os.Args[2]
	version := ast.RegoV1
	if os.Args[3] == "v0" {
		version = ast.RegoV0
	}
	milliseconds, err := strconv.Atoi(os.Args[4])
	check(err)

	start := time.Now()
	prepared := prepare(folder, query, version)
	fmt.Println("start", time.Since(start).Nanoseconds())

	inputs := read(folder)
	for _, input := range inputs {
		result := evaluate(prepared, input)
		if len(result) == 0 {
			fmt.Println("undefined")
			continue
		}
		text, err := json.Marshal(result[0].Expressions[0].Value)
		check(err)
		fmt.Println("result", string(text))
	}
	if milliseconds == 0 {
		return
	}
	round := func() {
		for _, input := range inputs {
			evaluate(prepared, input)
		}
	}
	once := time.Now()
	round()
	calls := max(1, int(200*time.Microsecond/max(1, time.Since(once))))
	var samples []int64
	end := time.Now().Add(time.Duration(milliseconds) * time.Millisecond)
	for time.Now().Before(end) || len(samples) < 5 {
		begun := time.Now()
		for range calls {
			round()
		}
		samples = append(samples, time.Since(begun).Nanoseconds()/int64(calls*len(inputs)))
	}
	slices.Sort(samples)
	fmt.Println("median", samples[len(samples)/2])
	fmt.Println("min", samples[0])
}

func prepare(folder, query string, version ast.RegoVersion) *rego.PreparedEvalQuery {
	paths, err := filepath.Glob(filepath.Join(folder, "*.rego"))
	check(err)
	modules := map[string]*ast.Module{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		check(err)
		module, err := ast.ParseModuleWithOpts(path, string(text), ast.ParserOptions{RegoVersion: version})
		check(err)
		modules[path] = module
	}
	compiler := ast.NewCompiler()
	compiler.Compile(modules)
	if compiler.Failed() {
		log.Fatal(compiler.Errors)
	}
	options := []func(*rego.Rego){rego.Compiler(compiler), rego.Query(query)}
	if text, err := os.ReadFile(filepath.Join(folder, "data.json")); err == nil {
		options = append(options, rego.Store(inmem.NewFromReader(bytes.NewReader(text))))
	}
	prepared, err := rego.New(options...).PrepareForEval(context.Background())
	check(err)
	return &prepared
}

func read(folder string) []ast.Value {
	paths, err := filepath.Glob(filepath.Join(folder, "input*.json"))
	check(err)
	var inputs []ast.Value
	for _, path := range paths {
		text, err := os.ReadFile(path)
		check(err)
		var document any
		check(util.NewJSONDecoder(bytes.NewReader(text)).Decode(&document))
		input, err := ast.InterfaceToValue(document)
		check(err)
		inputs = append(inputs, input)
	}
	return inputs
}

func evaluate(prepared *rego.PreparedEvalQuery, input ast.Value) rego.ResultSet {
	result, err := prepared.Eval(context.Background(), rego.EvalParsedInput(input))
	check(err)
	return result
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// Answers cases of the differential fuzzer with OPA.
//
// Every line of the input is a case, every line of the output what OPA says of it. A value is written as JSON; a set is
// {"$set": [members]}, an object with a key that is no text {"$map": [[key, value], ...]}.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/util"
)

type testCase struct {
	Modules []string        `json:"modules"`
	V0      bool            `json:"v0"`
	Strict  bool            `json:"strict"`
	Queries []string        `json:"queries"`
	Input   json.RawMessage `json:"input"`
	Data    json.RawMessage `json:"data"`
	// Without what leaves rules out before they are evaluated.
	Plain bool `json:"plain"`
}

// What OPA says: a value, an error, or that there is none.
type result struct {
	Value   json.RawMessage `json:"value,omitempty"`
	Code    string          `json:"code,omitempty"`
	Message string          `json:"message,omitempty"`
	// The codes of all errors.
	Codes []string `json:"codes,omitempty"`
}

type answer struct {
	// What is wrong with the modules, other than types.
	Compile *result `json:"compile,omitempty"`
	// What the type checker finds; results are then those without it.
	Types   *result   `json:"types,omitempty"`
	Results []*result `json:"results"`
}

func main() {
	debug.SetMemoryLimit(2 << 30)
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var c testCase
		a := &answer{}
		if err := util.UnmarshalJSON(line, &c); err != nil {
			a.Compile = &result{Code: "case", Message: err.Error()}
		} else {
			a = run(&c)
		}
		encoded, err := json.Marshal(a)
		if err != nil {
			panic(err)
		}
		out.Write(encoded)
		out.WriteByte('\n')
		out.Flush()
	}
}

// The message with what is known of it line by line.
func whole(err *ast.Error) string {
	if err.Code != ast.TypeErr || err.Details == nil {
		return err.Message
	}
	return strings.Join(append([]string{err.Message}, err.Details.Lines()...), "\n\t")
}

func failed(err error) *result {
	var list ast.Errors
	if errors.As(err, &list) && len(list) > 0 {
		found := &result{Code: list[0].Code, Message: whole(list[0])}
		for _, one := range list {
			found.Codes = append(found.Codes, one.Code)
		}
		return found
	}
	var one *ast.Error
	if errors.As(err, &one) {
		return &result{Code: one.Code, Message: whole(one)}
	}
	var evaluation *topdown.Error
	if errors.As(err, &evaluation) {
		return &result{Code: evaluation.Code, Message: evaluation.Message}
	}
	return &result{Code: "other", Message: err.Error()}
}

func compile(c *testCase, parsed map[string]*ast.Module, skip ...ast.StageID) (*ast.Compiler, error) {
	version := ast.RegoV1
	if c.V0 {
		version = ast.RegoV0
	}
	compiler := ast.NewCompiler().WithDefaultRegoVersion(version).WithSkipStages(skip...)
	copied := map[string]*ast.Module{}
	for name, module := range parsed {
		copied[name] = module.Copy()
	}
	compiler.Compile(copied)
	if compiler.Failed() {
		return nil, compiler.Errors
	}
	return compiler, nil
}

func run(c *testCase) (a *answer) {
	a = &answer{}
	defer func() {
		if p := recover(); p != nil {
			a = &answer{Compile: &result{Code: "panic", Message: fmt.Sprint(p)}}
		}
	}()
	version := ast.RegoV1
	if c.V0 {
		version = ast.RegoV0
	}
	parsed := map[string]*ast.Module{}
	for i, text := range c.Modules {
		name := "test-" + strconv.Itoa(i) + ".rego"
		module, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{RegoVersion: version})
		if err != nil {
			a.Compile = failed(err)
			return a
		}
		parsed[name] = module
	}
	compiler, err := compile(c, parsed)
	if err != nil {
		a.Types = failed(err)
		if compiler, err = compile(c, parsed, ast.StageCheckTypes); err != nil {
			a.Compile = failed(err)
			a.Types = nil
			return a
		}
	}
	var input *ast.Term
	if len(c.Input) > 0 && string(c.Input) != "null" {
		var value any
		if err := util.UnmarshalJSON(c.Input, &value); err != nil {
			a.Compile = &result{Code: "case", Message: err.Error()}
			return a
		}
		converted, err := ast.InterfaceToValue(value)
		if err != nil {
			a.Compile = &result{Code: "case", Message: err.Error()}
			return a
		}
		input = ast.NewTerm(converted)
	}
	data := map[string]any{}
	if len(c.Data) > 0 {
		if err := util.UnmarshalJSON(c.Data, &data); err != nil {
			a.Compile = &result{Code: "case", Message: err.Error()}
			return a
		}
	}
	store := inmem.NewFromObject(data)
	for _, query := range c.Queries {
		a.Results = append(a.Results, ask(c, compiler, store, input, query, a))
	}
	return a
}

func ask(c *testCase, compiler *ast.Compiler, store storage.Store, input *ast.Term, query string, a *answer) *result {
	ctx := context.Background()
	body, err := ast.ParseBodyWithOpts(query, ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil {
		return failed(err)
	}
	qc := compiler.QueryCompiler()
	body, err = qc.Compile(body)
	if err != nil {
		return failed(err)
	}
	txn := storage.NewTransactionOrDie(ctx, store)
	defer store.Abort(ctx, txn)
	cancel := topdown.NewCancel()
	timer := time.AfterFunc(3*time.Second, cancel.Cancel)
	defer timer.Stop()
	q := topdown.NewQuery(body).
		WithQueryCompiler(qc).
		WithCompiler(compiler).
		WithStore(store).
		WithTransaction(txn).
		WithInput(input).
		WithCancel(cancel).
		WithTime(time.Unix(1700000000, 0)).
		WithStrictBuiltinErrors(c.Strict).
		WithIndexing(!c.Plain).
		WithEarlyExit(!c.Plain)
	var values []ast.Value
	err = q.Iter(ctx, func(found topdown.QueryResult) error {
		if term, ok := found["x"]; ok {
			values = append(values, term.Value)
		} else {
			values = append(values, ast.Boolean(true))
		}
		return nil
	})
	if err != nil {
		return failed(err)
	}
	if len(values) == 0 {
		return &result{}
	}
	set := ast.NewSet()
	for _, value := range values {
		set.Add(ast.NewTerm(value))
	}
	var buffer bytes.Buffer
	write(&buffer, set)
	return &result{Value: buffer.Bytes()}
}

func text(b *bytes.Buffer, s string) {
	encoder := json.NewEncoder(b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		panic(err)
	}
	b.Truncate(b.Len() - 1)
}

// OPA's numbers are texts, and not all are numbers of JSON: `.5` and `5.` are the values of to_number(".5"), ...
func number(b *bytes.Buffer, s string) {
	if !json.Valid([]byte(s)) {
		s = strings.TrimPrefix(s, "+")
		s = strings.Replace("^"+s, "^.", "0.", 1)
		s = strings.Replace(s, "^-.", "-0.", 1)
		s = strings.TrimSuffix(strings.TrimPrefix(s, "^"), ".")
	}
	if json.Valid([]byte(s)) {
		b.WriteString(s)
	} else {
		text(b, "number "+s)
	}
}

func write(b *bytes.Buffer, value ast.Value) {
	switch value := value.(type) {
	case ast.Null:
		b.WriteString("null")
	case ast.Boolean:
		b.WriteString(strconv.FormatBool(bool(value)))
	case ast.Number:
		number(b, string(value))
	case ast.String:
		text(b, string(value))
	case *ast.Array:
		b.WriteByte('[')
		for i := range value.Len() {
			if i > 0 {
				b.WriteString(", ")
			}
			write(b, value.Elem(i).Value)
		}
		b.WriteByte(']')
	case ast.Set:
		b.WriteString(`{"$set": [`)
		for i, member := range value.Slice() {
			if i > 0 {
				b.WriteString(", ")
			}
			write(b, member.Value)
		}
		b.WriteString("]}")
	case ast.Object:
		plain := true
		value.Foreach(func(key, _ *ast.Term) {
			if _, ok := key.Value.(ast.String); !ok {
				plain = false
			}
		})
		if plain {
			b.WriteByte('{')
		} else {
			b.WriteString(`{"$map": [`)
		}
		for i, key := range value.Keys() {
			if i > 0 {
				b.WriteString(", ")
			}
			entry := value.Get(key).Value
			if plain {
				text(b, string(key.Value.(ast.String)))
				b.WriteString(": ")
				write(b, entry)
			} else {
				b.WriteByte('[')
				write(b, key.Value)
				b.WriteString(", ")
				write(b, entry)
				b.WriteByte(']')
			}
		}
		if plain {
			b.WriteByte('}')
		} else {
			b.WriteString("]}")
		}
	default:
		panic(fmt.Sprintf("not a value: %T", value))
	}
}

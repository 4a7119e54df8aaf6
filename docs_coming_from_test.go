package eventnode_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/eventnode/eventnode/test/cluster"
)

// comingFrom are the pages for those who come from elsewhere.
func comingFrom(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("docs/coming-from/*.md")
	if err != nil || len(files) < 8 {
		t.Fatalf("%v, %v", files, err)
	}
	pages := map[string]string{}
	for _, f := range files {
		page, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		pages[f] = string(page)
	}
	return pages
}

// ours are the code spans of a page that are about this project: those of the second
// column of its tables, and those of its text that look like our names.
func ours(page string) (spans []string) {
	code := regexp.MustCompile("`([^`]+)`")
	name := regexp.MustCompile(`^((With|Err)\w+|(\w+\.)?[A-Z]\w+\.[A-Z]\w+)$`)
	for line := range strings.SplitSeq(page, "\n") {
		cells := strings.Split(line, "|")
		table := strings.HasPrefix(line, "|") && len(cells) == 4
		if table {
			line = cells[2]
		}
		for _, m := range code.FindAllStringSubmatch(line, -1) {
			if table || name.MatchString(m[1]) {
				spans = append(spans, m[1])
			}
		}
	}
	return spans
}

// names are the exported names of a package: its own, and Type.Member.
func names(t *testing.T, folder, prefix string, into map[string]bool) {
	t.Helper()
	files, err := filepath.Glob(folder + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			declared(d, prefix, into)
		}
	}
}

func declared(d ast.Decl, prefix string, into map[string]bool) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			into[prefix+d.Name.Name] = true
			return
		}
		receiver := d.Recv.List[0].Type
		if star, ok := receiver.(*ast.StarExpr); ok {
			receiver = star.X
		}
		if id, ok := receiver.(*ast.Ident); ok {
			into[prefix+id.Name+"."+d.Name.Name] = true
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			specified(s, prefix, into)
		}
	}
}

func specified(s ast.Spec, prefix string, into map[string]bool) {
	switch s := s.(type) {
	case *ast.ValueSpec:
		for _, n := range s.Names {
			into[prefix+n.Name] = true
		}
	case *ast.TypeSpec:
		into[prefix+s.Name.Name] = true
		var fields *ast.FieldList
		switch of := s.Type.(type) {
		case *ast.StructType:
			fields = of.Fields
		case *ast.InterfaceType:
			fields = of.Methods
		default:
			return
		}
		for _, f := range fields.List {
			for _, n := range f.Names {
				into[prefix+s.Name.Name+"."+n.Name] = true
			}
		}
	}
}

// Each Go name on these pages exists.
func TestComingFromNamesExist(t *testing.T) {
	known := map[string]bool{}
	names(t, ".", "", known)
	names(t, "client", "client.", known)
	names(t, "streams/registry", "registry.", known)
	names(t, "event", "event.", known)
	names(t, "bus", "bus.", known)
	names(t, "chat", "chat.", known)
	names(t, "chat/directory", "directory.", known)
	names(t, "sessions", "sessions.", known)
	names(t, "gateway", "gateway.", known)
	names(t, "node", "node.", known)
	names(t, "source", "source.", known)
	names(t, "discord", "discord.", known)
	names(t, "cache", "cache.", known)
	names(t, "cache/cachetest", "cachetest.", known)
	names(t, "shard", "shard.", known)
	names(t, "shard/fleet", "fleet.", known)
	names(t, "shard/bot", "bot.", known)
	name := regexp.MustCompile(`^((client|registry|event|bus|chat|directory|sessions|gateway|node|source|discord|cache|cachetest|shard|fleet|bot)\.)?[A-Z]\w*(\.[A-Z]\w*)?$`)
	for page, text := range comingFrom(t) {
		checked := 0
		for _, span := range ours(text) {
			if !name.MatchString(span) {
				continue
			}
			if checked++; !known[span] {
				t.Errorf("%s: there is no %s", page, span)
			}
		}
		if checked < 25 {
			t.Errorf("%s names only %d things", page, checked)
		}
	}
}

// The page for those who come from Erlang has every function of pg, as the module itself
// says which there are; what a gen_server has to have is no function of its own.
func TestComingFromPgIsComplete(t *testing.T) {
	if _, err := exec.LookPath("erl"); err != nil {
		t.Skip("there is no erl")
	}
	out, err := exec.Command("erl", "-noshell", "-eval", `[io:format("~s ", [F]) || {F, _} <- pg:module_info(exports)], halt().`).Output()
	if err != nil {
		t.Fatal(err)
	}
	page := comingFrom(t)["docs/coming-from/erlang-pg.md"]
	own := []string{"module_info", "init", "handle_call", "handle_cast", "handle_info", "terminate"}
	functions := strings.Fields(string(out))
	for _, f := range functions {
		if !slices.Contains(own, f) && !strings.Contains(page, "`pg:"+f+"(") {
			t.Errorf("pg:%s is not there", f)
		}
	}
	if len(functions) < 15 {
		t.Error(functions)
	}
}

// Each command on these pages exists.
func TestComingFromCommandsExist(t *testing.T) {
	binary, err := cluster.Binary()
	if err != nil {
		t.Fatal(err)
	}
	for page, text := range comingFrom(t) {
		checked := 0
		for _, span := range ours(text) {
			words, is := strings.CutPrefix(span, "eventnode ")
			if !is {
				continue
			}
			checked++
			out, err := exec.Command(binary, append(strings.Fields(words), "--help")...).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "Usage:\n  "+span) {
				t.Errorf("%s: %s: %v: %.200s", page, span, err, out)
			}
		}
		if checked < 1 {
			t.Errorf("%s shows only %d commands", page, checked)
		}
	}
}

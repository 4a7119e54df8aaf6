package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

var update = flag.Bool("update", false, "write what the tests compare with into testdata")

// What a made-up run looks like, page, plots and results file. A change is read
// in the difference; the plots are for looking at, too.
func TestGolden(t *testing.T) {
	dir := t.TempDir()
	if *update {
		dir = "testdata"
	}
	writeNotes(t, dir)
	if err := Save(filepath.Join(dir, "benchmarks", "results.json"), fixtureResults()); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, fixtureResults(), fixtureWorkloads()); err != nil {
		t.Fatal(err)
	}
	want := files(t, "testdata")
	if len(want) != 5 {
		t.Errorf("testdata has %d files, want a page, three plots and the results", len(want))
	}
	got := files(t, dir)
	for name := range want {
		if !bytes.Equal(got[name], want[name]) {
			t.Errorf("%s differs from testdata/%s: run with -update and read the difference", name, name)
		}
	}
	for name := range got {
		if want[name] == nil {
			t.Errorf("%s was written, but is not in testdata", name)
		}
	}
}

func writeNotes(t *testing.T, dir string) {
	t.Helper()
	page := notes{
		general:    "All of this is made up.\n",
		"one/128":  "The wire takes a third of the time.\n\n| with | a table |\n|---|---|\n| of | its own |\n",
		"groups/x": "From when there was such a workload.\n",
	}
	text := page.block(general) + page.block("one/128") + page.block("groups/x")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "benchmarks.md"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := make(map[string][]byte)
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out[path], err = os.ReadFile(filepath.Join(dir, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A second run over its own page changes nothing.
func TestWriteTwice(t *testing.T) {
	dir := t.TempDir()
	writeNotes(t, dir)
	var before map[string][]byte
	for range 2 {
		if err := Write(dir, fixtureResults(), fixtureWorkloads()); err != nil {
			t.Fatal(err)
		}
		after := files(t, dir)
		for name := range before {
			if !bytes.Equal(before[name], after[name]) {
				t.Errorf("%s changed", name)
			}
		}
		before = after
	}
}

func TestFiguresAreXML(t *testing.T) {
	hostile := fixtureWorkloads()
	for i := range hostile {
		hostile[i].Title = "<script>&\"'\x00\xff " + hostile[i].Title
		hostile[i].Section = "]]> & < \x01" + hostile[i].Section
	}
	for name, workloads := range map[string][]suite.Workload{"usual": fixtureWorkloads(), "hostile": hostile} {
		for _, s := range sectionsOf(workloads) {
			d := xml.NewDecoder(bytes.NewReader(figure(s, fixtureResults())))
			for {
				token, err := d.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("%s, section %q: %v", name, s.name, err)
				}
				if e, ok := token.(xml.StartElement); ok && e.Name.Local == "script" {
					t.Errorf("%s, section %q: a title became an element", name, s.name)
				}
			}
		}
	}
}

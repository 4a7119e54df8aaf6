package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

func TestNotesSurvive(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "benchmarks.md")
	workloads, r := fixtureWorkloads(), fixtureResults()
	if err := Write(dir, r, workloads); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const mine, all = "  By hand:\r\n\n`code` <b>\tand no rule\n", "About everything.\n"
	edited := strings.Replace(string(page), "<!-- notes: one/16 -->\n", "<!-- notes: one/16 -->\n"+mine, 1)
	edited = strings.Replace(edited, "<!-- notes: general -->\n", "<!-- notes: general -->\n"+all, 1)
	if err := os.WriteFile(path, []byte(edited), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, w := range map[string][]suite.Workload{"as before": workloads, "without the workload": workloads[1:], "back again": workloads} {
		if err := Write(dir, r, w); err != nil {
			t.Fatal(name, err)
		}
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"<!-- notes: one/16 -->\n" + mine + "<!-- /notes -->\n", "<!-- notes: general -->\n" + all + "<!-- /notes -->\n"} {
			if strings.Count(string(page), want) != 1 {
				t.Errorf("%s: the page does not have once: %q", name, want)
			}
		}
	}
}

// Notes that cannot be told apart stop the run and leave the page.
func TestNotesBroken(t *testing.T) {
	for name, page := range map[string]string{
		"not closed":      "<!-- notes: a -->\ntext\n",
		"not opened":      "text\n<!-- /notes -->\n",
		"opened in notes": "<!-- notes: a -->\n<!-- notes: b -->\n<!-- /notes -->\n",
		"there twice":     strings.Repeat("<!-- notes: a -->\n<!-- /notes -->\n", 2),
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "benchmarks.md")
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		if Write(dir, fixtureResults(), fixtureWorkloads()) == nil {
			t.Errorf("%s: no error", name)
		}
		if left := files(t, dir); len(left) != 1 || string(left["benchmarks.md"]) != page {
			t.Errorf("%s: something was written", name)
		}
	}
}

// Whatever text stands in notes, it is read as it was written.
func FuzzParseNotes(f *testing.F) {
	f.Add("text\n", "<!-- notes: a -->\nb\n<!-- /notes -->\n")
	f.Add("no newline", "<!-- notes: -->\n<!-- /notes -->")
	f.Fuzz(func(t *testing.T, text, page string) {
		if n, err := parseNotes(page); err == nil {
			again, err := parseNotes(n.block("x"))
			if err != nil || again["x"] != n["x"] {
				t.Errorf("page %q: %v, %q", page, err, again["x"])
			}
		}
		text += "\n"
		if strings.Contains(text, "<!--") {
			return
		}
		n, err := parseNotes(notes{"x/1": text}.block("x/1"))
		if err != nil || n["x/1"] != text {
			t.Errorf("wrote %q, read %q, %v", text, n["x/1"], err)
		}
	})
}

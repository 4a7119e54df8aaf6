package report

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

// Write makes benchmarks.md and benchmarks/*.svg in dir, the folder of the
// documentation. It keeps the notes of the page that is there. Workloads without
// samples, and samples without workload, are said on the page; two workloads
// with one ID, or a target about a metric that the workload has not, are an
// error.
func Write(dir string, r *suite.Results, workloads []suite.Workload) error {
	if err := check(workloads); err != nil {
		return err
	}
	path := filepath.Join(dir, "benchmarks.md")
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	kept, err := parseNotes(string(old))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, s := range sectionsOf(workloads) {
		if !drawable(s, r) {
			continue
		}
		if err := replaceFile(filepath.Join(dir, "benchmarks", s.file()), figure(s, r)); err != nil {
			return err
		}
	}
	return replaceFile(path, []byte(markdown(r, workloads, kept)))
}

// check refuses what would make two things one on the page.
func check(workloads []suite.Workload) error {
	ids, files := map[string]bool{slug(general): true}, make(map[string]string)
	for _, w := range workloads {
		key := slug(w.ID)
		if key == "" || strings.ContainsAny(w.ID, " \t\n<>`") {
			return fmt.Errorf("workload %q: an ID is letters and digits with signs between", w.ID)
		}
		if ids[key] {
			return fmt.Errorf("workload %q: the ID is taken", w.ID)
		}
		ids[key] = true
		file := section{name: w.Section}.file()
		if other, taken := files[file]; slug(w.Section) == "" || taken && other != w.Section {
			return fmt.Errorf("workload %q: section %q and section %q have one plot, %s", w.ID, w.Section, other, file)
		}
		files[file] = w.Section
		for _, t := range w.Targets {
			if metricOf(w, t.Metric).Name == "" {
				return fmt.Errorf("workload %q: a target about %q, which it does not measure", w.ID, t.Metric)
			}
		}
	}
	return nil
}

package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

// Load reads a results file. Without one the error is fs.ErrNotExist.
func Load(path string) (*suite.Results, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(suite.Results)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("results file %s: %w", path, err)
	}
	return r, nil
}

// Save writes a results file: a sample a line, those of a workload together, so
// that a difference between two runs can be read. It makes the folder.
func Save(path string, r *suite.Results) error {
	data, err := encode(r)
	if err != nil {
		return fmt.Errorf("results file %s: %w", path, err)
	}
	return replaceFile(path, data)
}

// Merge puts the workloads that a run measured in the place of the same ones in
// an older file; the rest of old stays. A workload is replaced as a whole, since
// its ratios hold within one run only. If something of old stays, the date,
// command, processor and versions name both runs wherever they differ. Neither
// argument is changed; old may be nil.
func Merge(old, new *suite.Results) *suite.Results {
	merged := *new
	measured := make(map[string][]suite.Sample)
	for _, s := range new.Samples {
		measured[s.Workload] = append(measured[s.Workload], s)
	}
	if old == nil || !slices.ContainsFunc(old.Samples, func(s suite.Sample) bool { return measured[s.Workload] == nil }) {
		merged.Samples = byWorkload(new.Samples)
		return &merged
	}
	merged.Date = both(old.Date, new.Date, " and ")
	merged.Command = both(old.Command, new.Command, "\n")
	merged.Machine.CPU = both(old.Machine.CPU, new.Machine.CPU, " and ")
	merged.Machine.Versions = bothVersions(old.Machine.Versions, new.Machine.Versions)
	merged.Samples = mergeSamples(old.Samples, new.Samples, measured)
	merged.Skipped = mergeSkipped(old, new)
	return &merged
}

// mergeSamples keeps the order of old, so that the file changes only where a
// workload was measured again.
func mergeSamples(old, new []suite.Sample, measured map[string][]suite.Sample) []suite.Sample {
	var out []suite.Sample
	done := make(map[string]bool)
	for _, s := range slices.Concat(byWorkload(old), new) {
		again, isNew := measured[s.Workload]
		switch {
		case !isNew:
			out = append(out, s)
		case !done[s.Workload]:
			out = append(out, again...)
			done[s.Workload] = true
		}
	}
	return out
}

// mergeSkipped forgets that a system was skipped once the new run has it.
func mergeSkipped(old, new *suite.Results) map[suite.System]string {
	out := maps.Clone(old.Skipped)
	for _, s := range new.Samples {
		delete(out, s.System)
	}
	if out == nil {
		return maps.Clone(new.Skipped)
	}
	maps.Copy(out, new.Skipped)
	return out
}

func bothVersions(old, new map[string]string) map[string]string {
	out := maps.Clone(old)
	if out == nil {
		return maps.Clone(new)
	}
	for name, version := range new {
		out[name] = both(out[name], version, " and ")
	}
	return out
}

// both lists two values, each once, the new one last.
func both(old, new, separator string) string {
	var parts []string
	for _, p := range append(strings.Split(old, separator), new) {
		if i := slices.Index(parts, p); i >= 0 {
			parts = slices.Delete(parts, i, i+1)
		}
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, separator)
}

// byWorkload brings the samples of a workload together, workloads in the order
// of their first sample.
func byWorkload(samples []suite.Sample) []suite.Sample {
	first := make(map[string]int)
	for i, s := range samples {
		if _, seen := first[s.Workload]; !seen {
			first[s.Workload] = i
		}
	}
	out := slices.Clone(samples)
	slices.SortStableFunc(out, func(a, b suite.Sample) int {
		return cmp.Compare(first[a.Workload], first[b.Workload])
	})
	return out
}

// encode writes everything but the samples as indented JSON, and the samples
// into their place, one a line. No string holds the mark: its newline would be
// escaped.
func encode(r *suite.Results) ([]byte, error) {
	frame := *r
	frame.Samples = []suite.Sample{}
	out, err := marshal(frame, "  ")
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, s := range byWorkload(r.Samples) {
		line, err := marshal(s, "")
		if err != nil {
			return nil, fmt.Errorf("sample of %s by %s in round %d: %w", s.Workload, s.System, s.Round, err)
		}
		lines = append(lines, "\n    "+string(line))
	}
	if len(lines) > 0 {
		const mark = "\n  \"samples\": ["
		out = bytes.Replace(out, []byte(mark), []byte(mark+strings.Join(lines, ",")+"\n  "), 1)
	}
	return append(out, '\n'), nil
}

// marshal leaves <, > and & as they are: people read the file.
func marshal(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// replaceFile writes beside the file and renames: what people wrote into the old
// one is not lost half way.
func replaceFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, data, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

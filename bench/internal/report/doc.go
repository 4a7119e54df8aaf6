// Package report turns the samples of a benchmark run into docs/benchmarks.md
// and its plots, for a reader who decides whether to believe them.
//
// results.go reads, writes and merges the results file. stats.go, unit.go and
// target.go say what the samples amount to. markdown.go and figure.go show it;
// notes.go keeps what people wrote between the tables.
//
// # Guarantees
//
//   - The same results and workloads give the same bytes: no clock, no map
//     order, no font or measure of the machine.
//   - What stands between a notes marker and its end survives, byte for byte,
//     also when its workload is gone.
//   - A figure that is missing is said: no system, round or target is left out
//     without a word.
//
// # Concurrency
//
// Functions share nothing. Two of them must not write the same folder at once.
//
// # Failure
//
// [Write] checks the workloads and reads the notes before it writes, and
// replaces whole files: an error leaves the page that was there. Notes that
// cannot be told apart are an error, not a loss.
//
// # Example
//
//	old, err := report.Load("docs/benchmarks/results.json")
//	merged := report.Merge(old, measured)
//	err = report.Save("docs/benchmarks/results.json", merged)
//	err = report.Write("docs", merged, workloads)
package report

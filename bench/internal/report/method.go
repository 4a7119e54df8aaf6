package report

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

const method = `## How it is measured

- **Side by side.** All processes of a system, its nodes, publishers and subscribers, run on one machine and share its
  cores. The figures are not those of a cluster of machines; what counts is the ratio.
- **Alternating rounds.** In each round the systems take their turns one after the other, each from starting its
  processes to ending them, so that whatever else the machine does hits all of them alike.
- **Median and spread.** A figure is the median of its rounds. *lowest .. highest* are the worst and the best round;
  *deviation* is the median absolute deviation, as a share of the median: half of the rounds were nearer to it.
- **Checked.** Each run counts loss, duplicates and order at every subscriber, for every system alike. A run in which
  eventnode loses an event, delivers it twice or out of order has failed: it gives no figure and is named below its
  table, and every target of that workload is missed.
- **Peers as their makers recommend.** The same events, the same counting. A peer that loses events at full speed is
  shown at the highest paced rate at which it lost none, and its note says so. Subscribers of eventnode use the policy
  ` + "`block`" + `, which loses nothing.
- **Durable workloads.** All data is on the disk named below. After each run a reader of its own reads everything back,
  from the first event to the last: every event that was acked is there once, unchanged and in its publisher's order, or
  the run has failed. eventnode runs as it always does: three replicas, an ack after an fsync on a majority, checksums.
  JetStream's clients are connected to the node that leads their stream. CPU and bytes written to disk are those of all
  servers together, from the first publish to the last ack. Data is random: it cannot be compressed. A publisher of
  batches fills the next one while one is under way (eventnode, Redis), or is at most 4,000 events ahead of its acks
  (JetStream, its client's default), unless each batch is waited for.
- **Lost leaders.** Time runs from the fault to the end of the longest time without any ack after it. eventnode's client
  tries again by itself; under kills JetStream's callers try again after 250 ms, under the same ID, since its client
  would wait 5 s.
- **Plots.** A bar is the median, the line across its end reaches from the lowest to the highest round. A plot whose
  values lie more than a factor of 50 apart has a logarithmic axis and says so.
`

func (p *page) method() {
	p.line("%s", method)
}

func (p *page) machine() {
	m := p.r.Machine
	p.line("## Machine, versions, command\n")
	p.head("what", "value")
	p.row("date", orNone(p.r.Date))
	p.row("processor", orNone(m.CPU))
	p.row("cores", strconv.Itoa(m.Cores))
	p.row("memory", unitOf("B").format(float64(m.Memory)))
	p.row("system", orNone(m.OS))
	p.row("kernel", orNone(m.Kernel))
	if m.Disk != "" {
		p.row("file system of the data", cell(m.Disk))
	}
	for _, name := range slices.Sorted(maps.Keys(m.Versions)) {
		p.row(cell(name), orNone(m.Versions[name]))
	}
	p.row("rounds", strconv.Itoa(p.r.Rounds))
	p.line("")
	p.command()
	p.skipped()
}

func orNone(s string) string {
	if s == "" {
		return none
	}
	return cell(s)
}

func (p *page) command() {
	if p.r.Command == "" {
		return
	}
	p.line("```sh\n%s\n```\n", p.r.Command)
	if strings.Contains(p.r.Command, "\n") {
		p.line("A later command measured some of the workloads again; each workload's figures are from one run.\n")
	}
}

// skipped has a line for each system that the run left out, and one for samples
// that nobody asks for any more.
func (p *page) skipped() {
	systems := slices.Sorted(maps.Keys(p.r.Skipped))
	for _, s := range systems {
		also := ""
		if slices.ContainsFunc(p.r.Samples, func(x suite.Sample) bool { return x.System == s }) {
			also = " in the last run"
		}
		p.line("- %s was skipped%s: %s", title(s), also, text(oneLine(p.r.Skipped[s])))
	}
	for _, id := range p.strays {
		p.line("- `%s` has samples, but is no longer a workload.", id)
	}
	if len(systems)+len(p.strays) > 0 {
		p.line("")
	}
}

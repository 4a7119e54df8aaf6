package command

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/eventnode/eventnode/internal/settings"
)

// aspect is what docs/configuration.md says of a setting beside its help.
type aspect struct{ unit, change string }

// What a change of a setting needs.
const (
	restarting = "restart"
	rereading  = "restart; what the file holds: nothing, it is read anew"
	commanding = "nothing, each command reads it"
	wholly     = "restart of all nodes"
	founding   = "is of no use: it counts when the cluster is founded"
	pooling    = "is of no use after the founding: streams pools says so then"
)

// aspects are those of all settings. A test finds one that is missing.
func aspects() map[string]aspect {
	const address, file, number = "HOST:PORT", "file", "number"
	return map[string]aspect{
		"name": {"text", "restart; it is another node then"}, "cluster": {"text", wholly},
		"gossip": {address, restarting}, "rpc": {address, restarting},
		"advertise-gossip": {address, restarting}, "advertise-rpc": {address, restarting},
		"join": {"list of addresses", restarting}, "join-file": {file, rereading},
		"data": {"directory", restarting}, "bootstrap-expect": {number, founding},
		"replicas": {number, pooling}, "no-storage": {"", restarting},
		"label": {"list of KEY=VALUE", restarting}, "zone": {"text", restarting},
		"http": {address, restarting}, "http-ingest": {"", restarting},
		"gossip-key-file": {file, rereading},
		"tls-cert":        {file, rereading}, "tls-key": {file, rereading}, "tls-ca": {file, rereading},
		"tls-name": {"text", restarting}, "http-tls": {"", restarting},
		"stop-timeout": {"duration", restarting}, "log-level": {"", restarting}, "log-format": {"", restarting},

		"chat": {"", restarting}, "gateway": {"address", restarting}, "gateway-tokens": {file, rereading},
		"gateway-jwt-key": {file, restarting}, "gateway-jwt-issuer": {"text", restarting},
		"gateway-jwt-audience": {"text", restarting}, "gateway-jwt-leeway": {"duration", restarting},
		"gateway-url": {"URL", restarting}, "gateway-connections": {number, restarting},
		"gateway-identify-interval": {"duration", restarting}, "session-ttl": {"duration", restarting},
		"session-max": {number, restarting}, "replay-events": {number, restarting}, "replay-bytes": {"bytes", restarting},
		"session-journal": {"stream", wholly}, "session-hand-over": {"duration", restarting},

		"source": {"text", wholly}, "api": {"URL", wholly}, "bot-token-file": {file, restarting},
		"shards": {"text", wholly}, "intents": {"bits", wholly}, "encoding": {"", restarting},
		"compress": {"", restarting}, "no-cache": {"", restarting}, "cache-messages": {number, restarting},

		"addr": {"list of HOST:PORT", commanding}, "token-in-clear": {"", commanding},
		"token-file": {file, rereading},
	}
}

func (a *app) configReferenceCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reference",
		Short: "Describe all settings",
		Long: `Writes a page of Markdown, which is docs/configuration.md: each setting with its
variable, its default, its unit, and what a change of it needs.`,
		Example: "  eventnode config reference > docs/configuration.md",
		Args:    args(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			out := a.output()
			writeReference(out)
			return out.Flush()
		},
	}
}

// referenceHead is what the page says before the tables.
const referenceHead = `# Configuration

<!-- Made by "eventnode config reference" out of the flags: change them, not this page. -->

Each setting has one name. It is a flag on the command line (--log-level debug), a variable
in the environment (EVENTNODE_LOG_LEVEL=debug), and a key in a YAML file (log-level: debug)
that --config or EVENTNODE_CONFIG names. A flag goes before a variable, a variable before the
file, and the file before the default. Lists are lists in YAML, and have commas between
their parts in a variable. A variable that is empty is not set.

    # /etc/eventnode/node.yaml
    name: n1
    rpc: 0.0.0.0:7401
    join: [10.0.0.1:7400, 10.0.0.2:7400]
    data: /var/lib/eventnode

A key that a command does not know stops it, with the line and the nearest key; so does a
variable that starts with EVENTNODE_ and is none of these (those that Kubernetes makes for
a service of that name are left alone). "eventnode config check FILE" says so before, and
"eventnode config print FILE" shows what a node would run with, and where each value is from.
Secrets are in files of their own, named here.
`

// writeReference writes the page.
func writeReference(w io.Writer) {
	fmt.Fprint(w, referenceHead)
	a := &app{}
	serve, _ := a.configurable("serve")
	shard, _ := a.configurable("shard run")
	writeTable(w, "serve", serve.Flags(), nil)
	fmt.Fprint(w, "\n`shard run` has those of `serve`, but for the chat service (`chat`, `gateway-...`, `session-...`,\n`replay-...`), and:\n")
	writeTable(w, "shard run", shard.Flags(), serve.Flags())
	fmt.Fprint(w, "\nCommands that speak to a node take these from the environment, and read no file:\n")
	writeTable(w, "commands that speak to a node", a.clientSettings().Flags(), nil)
}

// writeTable writes the settings of fs that are not the same in without.
func writeTable(w io.Writer, title string, fs, without *pflag.FlagSet) {
	fmt.Fprintf(w, "\n## %s\n\n| setting | variable | default | unit | what it is | a change needs |\n|---|---|---|---|---|---|\n", title)
	fs.VisitAll(func(f *pflag.Flag) {
		if slices.Contains(noSettings(), f.Name) {
			return
		}
		if without != nil {
			if same := without.Lookup(f.Name); same != nil && same.Usage == f.Usage {
				return
			}
		}
		at := aspects()[f.Name]
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s |\n", f.Name, settings.Variable(f.Name), defaultOf(f),
			unitOf(f, at), cell(defaultInUsage.ReplaceAllString(f.Usage, "")), at.change)
	})
}

// defaultInUsage is what a flag's help says of a default that its value does not show.
var defaultInUsage = regexp.MustCompile(` \(default:? (?:\$\w+, then )?([^)]*)\)`)

// defaultOf is a flag's default in words.
func defaultOf(f *pflag.Flag) string {
	if m := defaultInUsage.FindStringSubmatch(f.Usage); m != nil {
		return cell(m[1])
	}
	switch f.DefValue {
	case "", "[]":
		return "none"
	}
	return f.DefValue
}

// unitOf is a setting's unit; without one it is one of a few words.
func unitOf(f *pflag.Flag, at aspect) string {
	switch {
	case at.unit != "":
		return at.unit
	case f.Value.Type() == "bool":
		return settings.TypeOf(f)
	}
	return "word"
}

// cell makes text that a table takes.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

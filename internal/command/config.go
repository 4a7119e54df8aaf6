package command

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/eventnode/eventnode/internal/settings"
)

// configVariable names the file of settings if --config does not.
const configVariable = settings.Prefix + "CONFIG"

// noSettings are flags that no file and no variable stands for.
func noSettings() []string { return []string{"config", "help", "json"} }

// otherVariables are those with our prefix that are no settings: what commands and their
// children are told by them, and what tests are.
func otherVariables() []string {
	return []string{
		configVariable, dsnVariable, settings.Variable("lock"), settings.Variable("lock-token"),
		settings.Variable("binary"), settings.Variable("seed"), settings.Variable("storm"),
		settings.Variable("a"), settings.Variable("b"),
	}
}

// isForeign reports whether a variable with our prefix is no setting, and known.
func isForeign(variable string) bool {
	for _, family := range []string{"REQUEST_", "TEST_", "FAULT_", "MODEL_"} {
		if strings.HasPrefix(variable, settings.Prefix+family) {
			return true
		}
	}
	return slices.Contains(otherVariables(), variable)
}

// withoutSettings is an environment without what sets flags.
func withoutSettings(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return name == configVariable || strings.HasPrefix(name, settings.Prefix) && !isForeign(name)
	})
}

// configured has the flags of cmd that were not given set by the environment and by file,
// and then finish make something of them. Its errors say where a wrong value is from.
func (a *app) configured(cmd *cobra.Command, file string, finish func() error) error {
	origins, err := a.settle(cmd.Flags(), file)
	if err != nil {
		return err
	}
	if err := finish(); err != nil {
		return usagef("%w%s", err, origins.Places(err.Error()))
	}
	return nil
}

// settle sets the flags that were not given.
func (a *app) settle(fs *pflag.FlagSet, file string) (settings.Origins, error) {
	layers := settings.Layers{Others: a.allSettings(), Foreign: isForeign, Skip: noSettings()}
	if a.environ != nil {
		layers.Environ = a.environ()
	}
	if file == "" && a.getenv != nil {
		file = a.getenv(configVariable)
	}
	if file != "" {
		var err error
		if layers.Entries, err = settings.ReadFile(file); err != nil {
			return nil, usagef("--config: %w", err)
		}
	}
	origins, err := layers.Apply(fs)
	if err != nil {
		return nil, usageError{err}
	}
	return origins, nil
}

// allSettings are the flags of all commands that settings stand for.
func (a *app) allSettings() *pflag.FlagSet {
	all := pflag.NewFlagSet("all", pflag.ContinueOnError)
	for _, name := range configurable() {
		c, _ := (&app{}).configurable(name)
		all.AddFlagSet(c.Flags())
	}
	all.AddFlagSet((&app{}).clientSettings().Flags())
	return all
}

// clientSettings is a command with the flags of those that speak to a node.
func (a *app) clientSettings() *cobra.Command {
	cmd := &cobra.Command{}
	a.addAddr(cmd)
	return cmd
}

// configurable are the commands that read a file of settings.
func configurable() []string { return []string{"serve", "shard run"} }

// configurable is a command with the flags of one of them, and what it does with them
// before anything runs.
func (a *app) configurable(name string) (cmd *cobra.Command, finish func() error) {
	var n serveFlags
	cmd = &cobra.Command{Use: name}
	n.add(cmd)
	if name == "serve" {
		n.chat.add(cmd)
		return cmd, func() error { return n.finish(cmd, io.Discard) }
	}
	var f shardFlags
	f.add(cmd)
	return cmd, func() error { return f.finish(cmd, &n, io.Discard) }
}

// configCommand is `eventnode config`.
func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check and show the settings of a node",
		Long: `Every flag of "serve" and "shard run" may be given in three ways: on the command line
(--gossip-key-file F), by the environment (EVENTNODE_GOSSIP_KEY_FILE=F), and by a YAML file
that --config or EVENTNODE_CONFIG names (gossip-key-file: F). The first that says something
counts, in this order; then the default does. A list is written as one in YAML, and with
commas in the environment. What neither command knows is an error, and so is what looks
like one of our variables and is none.`,
		Example: `  eventnode config check /etc/eventnode/node.yaml
  eventnode config print /etc/eventnode/node.yaml -- --replicas 5`,
	}
	parent(cmd)
	cmd.AddCommand(a.configCheckCommand(), a.configPrintCommand(), a.configReferenceCommand())
	return cmd
}

// settingsFlags are those of config check and config print.
type settingsFlags struct{ of string }

func (f *settingsFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.of, "for", "serve", `whose settings: serve, or "shard run"`)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if at := cmd.ArgsLenAtDash(); at > 1 || at < 0 && len(args) > 1 {
			return usagef("unexpected argument %q: flags of the command come behind --", args[1])
		}
		return nil
	}
}

// load sets the flags of the command that is asked about: by what is behind -- among the
// arguments, the environment, and the file that they name.
func (f *settingsFlags) load(a *app, cmd *cobra.Command, args []string) (*cobra.Command, settings.Origins, func() error, error) {
	if !slices.Contains(configurable(), f.of) {
		return nil, nil, nil, usagef("--for %q: write %s", f.of, strings.Join(configurable(), " or "))
	}
	target, finish := a.configurable(f.of)
	file := ""
	if at := cmd.ArgsLenAtDash(); at >= 0 {
		if err := target.ParseFlags(args[at:]); err != nil {
			return nil, nil, nil, usageError{err}
		}
		args = args[:at]
	}
	if len(args) > 0 {
		file = args[0]
	} else {
		file, _ = target.Flags().GetString("config") // it is there
	}
	origins, err := a.settle(target.Flags(), file)
	return target, origins, finish, err
}

func (a *app) configCheckCommand() *cobra.Command {
	var f settingsFlags
	cmd := &cobra.Command{
		Use:   "check [FILE] [-- FLAGS]",
		Short: "Check settings without starting a node",
		Long: `Reads the settings of FILE (default: what EVENTNODE_CONFIG names), the environment, and
the flags behind --, and everything that they name: keys, certificates, tokens. Says what
is wrong first, with its line.`,
		Example: `  eventnode config check node.yaml
  eventnode config check bot.yaml --for "shard run"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			_, origins, finish, err := f.load(a, cmd, args)
			if err != nil {
				return err
			}
			if err := finish(); err != nil {
				return usagef("%w%s", err, origins.Places(err.Error()))
			}
			return a.printObject(map[string]any{"ok": true, "settings": len(origins)}, func(w io.Writer) {
				fmt.Fprintf(w, "ok: %s, the others have their defaults\n", plural(len(origins), "setting"))
			})
		},
	}
	f.add(cmd)
	return cmd
}

// settingJSON is one setting as config print shows it.
type settingJSON struct {
	Key   string        `json:"key"`
	Value string        `json:"value"`
	From  settings.Kind `json:"from"`
	Where string        `json:"where,omitempty"`
}

func (a *app) configPrintCommand() *cobra.Command {
	var f settingsFlags
	cmd := &cobra.Command{
		Use:   "print [FILE] [-- FLAGS]",
		Short: "Show all settings and where each is from",
		Long: `Shows the value of each setting as a node would have it, and where it is from: a flag
(behind --), the environment, FILE with its line, or the default. Secrets are in files of
their own: their names are shown, and nothing of what they hold.`,
		Example: `  eventnode config print node.yaml
  EVENTNODE_REPLICAS=5 eventnode config print --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			target, origins, _, err := f.load(a, cmd, args)
			if err != nil {
				return err
			}
			var list []settingJSON
			target.Flags().VisitAll(func(flag *pflag.Flag) {
				if !slices.Contains(noSettings(), flag.Name) {
					at := origins.Of(flag.Name)
					list = append(list, settingJSON{flag.Name, valueOf(flag), at.Kind, at.Name})
				}
			})
			return printList(a, list, "SETTING\tVALUE\tFROM", func(s settingJSON) string {
				return s.Key + "\t" + s.Value + "\t" + settings.Origin{Kind: s.From, Name: s.Where}.String()
			})
		},
	}
	f.add(cmd)
	return cmd
}

// valueOf is a flag's value as the environment would have it.
func valueOf(f *pflag.Flag) string {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return strings.Join(list.GetSlice(), ",")
	}
	return f.Value.String()
}

package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// loadBatch is how many changes go in one request.
const loadBatch = 500

// maxLinesBytes bounds a file of changes a line, which is held in memory.
const maxLinesBytes = 256 << 20

// loadedJSON is what chat load --json prints.
type loadedJSON struct {
	Changes  int                `json:"changes"`
	Refused  []refusedJSON      `json:"refused"`
	DryRun   bool               `json:"dry_run,omitempty"`
	Position string             `json:"position,omitempty"`
	Missing  []eventnode.NodeID `json:"missing,omitempty"`
}

// refusedJSON is a change that did not fit. Number is its place in the file's changes,
// from 1.
type refusedJSON struct {
	Number int             `json:"number"`
	Error  string          `json:"error"`
	Change json.RawMessage `json:"change"`
}

func (a *app) chatLoadCommand() *cobra.Command {
	var dryRun, lines bool
	cmd := &cobra.Command{
		Use:   "load FILE",
		Short: "Put guilds, channels, roles, members, users and friends into the directory",
		Long: `Reads a file of users, friends, guilds and private channels and puts all of it into
the directory, on all nodes; - is stdin. What is there already is replaced, and what the
file does not name stays. Each change succeeds or fails by itself; those that do not fit
are listed, and are exit code 1. With --dry-run nothing is changed.

The file is YAML:

  users:
    - { id: 1, name: ada }
    - { id: 2, name: grace, bot: true }
  friends:
    - [ada, grace]
  guilds:
    - id: 42
      name: engines
      owner: ada
      roles:
        - { id: 50, name: staff, hoist: true, permissions: [MANAGE_MESSAGES] }
      members:
        - { user: ada, nick: countess, roles: [staff] }
        - { user: grace }
      channels:
        - { id: 43, name: general }
        - id: 44
          name: backstage
          overwrites:
            - { role: "@everyone", deny: [VIEW_CHANNEL] }
            - { role: staff, allow: [VIEW_CHANNEL] }
  direct:
    - { id: 60, users: [ada, grace] }

With --jsonl, or when its name ends so, it is what "chat export" printed.`,
		Example: `  eventnode chat load guilds.yaml
  eventnode chat load guilds.yaml --dry-run
  eventnode chat export --addr 10.0.0.1 | eventnode chat load - --jsonl`,
		Args: args(1, 1, "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			changes, err := a.readChanges(args[0], lines || strings.HasSuffix(args[0], ".jsonl"))
			if err != nil {
				return err
			}
			load := loadChanges
			if dryRun {
				load = tryChanges
			}
			return a.connected(cmd, func(ctx context.Context, c cluster) error {
				done, err := load(ctx, c.Chat(), changes)
				if err != nil {
					return err
				}
				return a.printLoaded(done)
			})
		},
	}
	a.addAddr(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be refused, and change nothing")
	cmd.Flags().BoolVar(&lines, "jsonl", false, "the file has a change a line, as chat export prints them")
	return cmd
}

// readChanges reads a file of changes; - is stdin.
func (a *app) readChanges(name string, lines bool) ([]*eventnodev1.DirectoryChange, error) {
	from := a.stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, usageError{err}
		}
		defer func() { _ = file.Close() }()
		from = file
	}
	parse, most := directory.ParseFile, directory.MaxFileBytes
	if lines {
		parse, most = parseLines, maxLinesBytes
	}
	text, err := io.ReadAll(io.LimitReader(from, int64(most)+1))
	if err == nil && len(text) > most {
		err = fmt.Errorf("it is larger than %d MiB: load it in parts", most>>20)
	}
	var changes []*eventnodev1.DirectoryChange
	if err == nil {
		changes, err = parse(text)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case len(changes) == 0:
		return nil, fmt.Errorf("%s: it says nothing: see \"eventnode chat load --help\" for its form", name)
	}
	return changes, nil
}

// parseLines reads what chat export prints.
func parseLines(text []byte) (changes []*eventnodev1.DirectoryChange, err error) {
	number := 0
	for line := range bytes.Lines(text) {
		number++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		c := &eventnodev1.DirectoryChange{}
		if err := protojson.Unmarshal(line, c); err != nil {
			return nil, fmt.Errorf("line %d is no change: %w", number, err)
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// loadChanges makes changes.
func loadChanges(ctx context.Context, c chatService, changes []*eventnodev1.DirectoryChange) (done loadedJSON, err error) {
	for len(changes) > done.Changes {
		some := changes[done.Changes:min(done.Changes+loadBatch, len(changes))]
		changed, err := changeSome(ctx, c, some)
		if err != nil {
			return done, fmt.Errorf("after %d of %s: %w", done.Changes, plural(len(changes), "change"), err)
		}
		for _, r := range changed.Refused {
			done.refuse(done.Changes+r.Index, some[r.Index], r.Err)
		}
		done.Changes += len(some)
		done.Position, done.Missing = changed.Position.String(), changed.Missing
	}
	return done, nil
}

func changeSome(ctx context.Context, c chatService, some []*eventnodev1.DirectoryChange) (eventnode.ChatChanged, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return c.Change(ctx, some...)
}

// tryChanges says what would become of changes: it makes them in a copy of the directory.
func tryChanges(ctx context.Context, c chatService, changes []*eventnodev1.DirectoryChange) (done loadedJSON, err error) {
	state, err := directory.New(directory.Limits{})
	if err != nil {
		return done, err
	}
	for change, err := range c.Export(ctx) {
		if err != nil {
			return done, err
		}
		if _, err := state.Apply(change); err != nil {
			return done, fmt.Errorf("the directory is not what this version knows: %w", err)
		}
	}
	for i, change := range changes {
		if _, err := state.Apply(change); err != nil {
			done.refuse(i, change, err)
		}
	}
	done.Changes, done.DryRun = len(changes), true
	return done, nil
}

// refuse notes a change that does not fit, from 0 on.
func (l *loadedJSON) refuse(index int, change *eventnodev1.DirectoryChange, err error) {
	line, marshal := changeLine(change)
	if marshal != nil {
		line = []byte("null") // it came out of the same form
	}
	l.Refused = append(l.Refused, refusedJSON{index + 1, err.Error(), line})
}

// changeLine is a change as JSON, always in the same way.
func changeLine(change *eventnodev1.DirectoryChange) ([]byte, error) {
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(change)
	if err != nil {
		return nil, err
	}
	var line bytes.Buffer
	err = json.Compact(&line, text) // protojson puts in spaces at random
	return line.Bytes(), err
}

// printLoaded says what became of changes.
func (a *app) printLoaded(done loadedJSON) error {
	if done.Refused == nil {
		done.Refused = []refusedJSON{}
	}
	word := "made"
	if done.DryRun {
		word = "would make"
	}
	err := a.printObject(done, func(w io.Writer) {
		fmt.Fprintf(w, "%s %d of %s\n", word, done.Changes-len(done.Refused), plural(done.Changes, "change"))
		for _, r := range done.Refused {
			fmt.Fprintf(w, "  refused: change %d: %s: %.200s\n", r.Number, r.Error, r.Change)
		}
	})
	if err != nil {
		return err
	}
	a.warnMissing(done.Missing, "they have not applied it yet")
	if n := len(done.Refused); n > 0 {
		return failf(exitError, "%d of %s did not fit the directory", n, plural(done.Changes, "change"))
	}
	return nil
}

func (a *app) chatExportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print the directory",
		Long: `Prints the changes that would make the directory of one moment, one a line as JSON, in
an order in which each fits: "chat load --jsonl" makes it again.`,
		Example: `  eventnode chat export > directory.jsonl
  eventnode chat export | jq -r '.put_guild.name // empty'`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := a.output()
			err := a.connected(cmd, func(ctx context.Context, c cluster) error {
				for change, err := range c.Chat().Export(ctx) {
					if err != nil {
						return err
					}
					line, err := changeLine(change)
					if err != nil {
						return err
					}
					if err := printData(out, line); err != nil {
						return err
					}
				}
				return nil
			})
			return errors.Join(err, out.Flush())
		},
	}
	a.addAddr(cmd)
	return cmd
}

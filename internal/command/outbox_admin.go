package command

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode/outbox"
)

func (a *app) outboxMigrateCommand() *cobra.Command {
	var f outboxFlags
	var show bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Make the tables of an outbox",
		Long: `Makes the tables of an outbox that are not there yet: the one that the application
writes to, and beside it those of what failed and waits (_held), of dead letters (_dead),
of what was sent and is kept (_sent), and of the relays' lease (_lease). It may be run again, at each deployment and
by several at once, and changes nothing then.

On PostgreSQL a trigger notifies the relay of each insert. The application needs the
right to INSERT into the first table; a relay needs SELECT, INSERT, UPDATE and DELETE on
all of them. --print prints the statements and executes none, for those who have a tool
for migrations; it needs no database but --driver.`,
		Example: `  eventnode outbox migrate --dsn-file /etc/app/outbox.dsn
  eventnode outbox migrate --dsn-file /etc/app/outbox.dsn --table shop.outbox
  eventnode outbox migrate --print --driver postgres > 0042_outbox.sql`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if show {
				return a.printSchema(&f)
			}
			return f.with(a, true, func(o *outboxDB) error {
				ctx, cancel := context.WithTimeout(cmd.Context(), callTimeout)
				defer cancel()
				if err := outbox.Migrate(ctx, o.db, o.dialect, outbox.WithTable(o.table)); err != nil {
					return err
				}
				return a.printObject(map[string]any{"table": o.table, "dialect": o.dialect}, func(w io.Writer) {
					fmt.Fprintf(w, "the tables of %s are there\n", o.table)
				})
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&show, "print", false, "print the statements, and execute none")
	return cmd
}

// printSchema prints the statements that make the tables.
func (a *app) printSchema(f *outboxFlags) error {
	dsn := ""
	if f.driver == "" {
		var err error
		if dsn, err = f.dsn(a); err != nil {
			return usagef("--print: say for which database with --driver")
		}
	}
	dialect, err := f.dialect(dsn)
	if err != nil {
		return err
	}
	list, err := outbox.Schema(dialect, outbox.WithTable(outbox.Table(f.table)))
	if err != nil {
		return usageError{err}
	}
	return a.printObject(map[string]any{"statements": list}, func(w io.Writer) {
		for _, statement := range list {
			fmt.Fprintf(w, "%s;\n\n", statement)
		}
	})
}

// outboxStatusJSON is what outbox status --json prints.
type outboxStatusJSON struct {
	Table   string  `json:"table"`
	Waiting int     `json:"waiting"`
	Oldest  float64 `json:"oldest_seconds"`
	Held    int     `json:"held"`
	Dead    int     `json:"dead"`
	Leader  string  `json:"leader,omitempty"`
}

func (a *app) outboxStatusCommand() *cobra.Command {
	var f outboxFlags
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how far behind an outbox is",
		Long: `Says how many events are not published yet and how old the oldest is, how many of them
have failed and wait to be tried again (their keys wait with them), how many dead letters
there are, and which relay leads. It asks the database only, and counts all rows, which
takes a while where there are millions.`,
		Example: `  eventnode outbox status --dsn-file /etc/app/outbox.dsn
  eventnode outbox status --dsn-file /etc/app/outbox.dsn --json | jq .oldest_seconds`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(a, false, func(o *outboxDB) error {
				if err := o.check(cmd.Context()); err != nil {
					return err
				}
				st, err := o.store.Stats(cmd.Context(), math.MaxInt32)
				if err != nil {
					return err
				}
				j := outboxStatusJSON{string(o.table), st.Waiting, st.Oldest.Seconds(), st.Held, st.Dead, st.Holder}
				return a.printObject(j, func(w io.Writer) { writeOutboxStatus(w, o.table, st) })
			})
		},
	}
	f.add(cmd)
	return cmd
}

func writeOutboxStatus(w io.Writer, table outbox.Table, st outbox.Stats) {
	leader := "no relay leads"
	if st.Holder != "" {
		leader = "relay " + st.Holder + " leads"
	}
	fmt.Fprintf(w, "%s: %s\n", table, leader)
	fmt.Fprintf(w, "  %s not published yet", plural(st.Waiting, "event"))
	if st.Waiting > 0 {
		fmt.Fprintf(w, ", the oldest added %v ago", st.Oldest.Round(time.Millisecond))
	}
	fmt.Fprintln(w)
	if st.Held > 0 {
		fmt.Fprintf(w, "  %s failed and tried again, with their keys waiting\n", plural(st.Held, "event"))
	}
	fmt.Fprintf(w, "  %s\n", plural(st.Dead, "dead letter"))
}

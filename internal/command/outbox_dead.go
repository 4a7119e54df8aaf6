package command

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/outbox"
)

// outboxDeadCommand is `eventnode outbox dead`.
func (a *app) outboxDeadCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "List, replay and drop the dead letters of an outbox",
		Long: `A dead letter of an outbox is an event that the relay gave up: it failed as often as
--max-attempts of the relay allows, or no stream would take it, such as one that is too
large. It was not published, unlike the dead letters of a consumer group ("eventnode
dead"). It is kept, with the reason, until it is replayed or dropped; the later events of
its key were published without it.`,
		Example: `  eventnode outbox dead list --dsn-file /etc/app/outbox.dsn
  eventnode outbox dead replay 7 9-12 --dsn-file /etc/app/outbox.dsn
  eventnode outbox dead drop --all --yes --dsn-file /etc/app/outbox.dsn`,
	}
	parent(cmd)
	cmd.AddCommand(a.outboxDeadListCommand(), a.outboxDeadReplayCommand(), a.outboxDeadDropCommand())
	return cmd
}

// outboxDeadJSON is a line of outbox dead list --json. Event is missing if that is what is
// wrong; Text is what stands there.
type outboxDeadJSON struct {
	Number   int64        `json:"number"`
	Died     string       `json:"died"`
	Added    string       `json:"added"`
	Attempts int          `json:"attempts"`
	Reason   string       `json:"reason"`
	Event    *event.Event `json:"event,omitempty"`
	Text     string       `json:"text,omitempty"`
}

func toOutboxDeadJSON(d outbox.DeadLetter) outboxDeadJSON {
	j := outboxDeadJSON{
		Number: d.Number, Died: d.Died.Format(time.RFC3339), Added: d.Added.Format(time.RFC3339), Attempts: d.Attempts, Reason: d.Reason,
	}
	if e, err := event.ParseJSON(d.Event); err == nil && e.Validate() == nil {
		j.Event = &e
	} else {
		j.Text = string(d.Event)
	}
	return j
}

func outboxDeadRow(j outboxDeadJSON) string {
	name, key := "-", "-"
	if j.Event != nil {
		name, key = j.Event.Name, j.Event.Key
	}
	// A reason is somebody's text: its tabs and lines would break the table.
	return fmt.Sprintf("%d\t%s\t%d\t%s\t%s\t%s", j.Number, j.Died, j.Attempts, name, key, strings.Join(strings.Fields(j.Reason), " "))
}

func (a *app) outboxDeadListCommand() *cobra.Command {
	var f outboxFlags
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the dead letters of an outbox",
		Long: `Lists the dead letters of an outbox in the order in which they were added. NUMBER is
what replay and drop take. With --json each line has the event, with its data.`,
		Example: `  eventnode outbox dead list --dsn-file /etc/app/outbox.dsn
  eventnode outbox dead list --dsn-file /etc/app/outbox.dsn --json | jq '{number, reason, data: .event.data}'`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return usagef("--limit must not be negative")
			}
			return f.with(a, false, func(o *outboxDB) error {
				list, err := o.deadLetters(cmd.Context(), limit)
				if err != nil {
					return err
				}
				more := limit > 0 && len(list) > limit
				if more {
					list = list[:limit]
				}
				return a.more(printList(a, list, "NUMBER\tDIED\tATTEMPTS\tNAME\tKEY\tREASON", outboxDeadRow), more, limit)
			})
		},
	}
	f.add(cmd)
	cmd.Flags().IntVar(&limit, "limit", defaultRows, "dead letters at most; 0: no limit")
	return cmd
}

// deadLetters returns the dead letters, no more than one beyond limit if there is one.
func (o *outboxDB) deadLetters(ctx context.Context, limit int) (list []outboxDeadJSON, err error) {
	if err := o.check(ctx); err != nil {
		return nil, err
	}
	err = o.eachDead(ctx, func(page []outbox.DeadLetter) (bool, error) {
		for _, d := range page {
			list = append(list, toOutboxDeadJSON(d))
		}
		return limit == 0 || len(list) <= limit, nil
	})
	return list, err
}

// eachDead calls f with the dead letters, deadBatch at a time, until it has enough.
func (o *outboxDB) eachDead(ctx context.Context, f func([]outbox.DeadLetter) (bool, error)) error {
	for last := int64(0); ; {
		page, err := o.store.DeadLetters(ctx, last, deadBatch)
		if err != nil || len(page) == 0 {
			return err
		}
		last = page[len(page)-1].Number
		if more, err := f(page); err != nil || !more {
			return err
		}
	}
}

func (a *app) outboxDeadReplayCommand() *cobra.Command {
	var f outboxFlags
	var which deadFlags
	cmd := &cobra.Command{
		Use:   "replay NUMBERS...",
		Short: "Add dead letters to their outbox again",
		Long: `Adds dead letters to the outbox again, behind what is there, with no tries counted: the
relay publishes them. Numbers are those of "eventnode outbox dead list", one (7) or
several (9-12); what is not there is left out. --all is all that there are when the
command begins. What was published of a key meanwhile stands before it.`,
		Example: `  eventnode outbox dead replay 7 9-12 --dsn-file /etc/app/outbox.dsn
  eventnode outbox dead replay --all --dsn-file /etc/app/outbox.dsn`,
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := a.outboxDead(cmd.Context(), &f, &which, args, (*outbox.SQLStore).Replay)
			if err != nil {
				return err
			}
			return a.printObject(map[string]int{"replayed": n}, func(w io.Writer) {
				fmt.Fprintf(w, "replayed %s\n", plural(n, "dead letter"))
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&which.all, "all", false, "all that there are")
	return cmd
}

func (a *app) outboxDeadDropCommand() *cobra.Command {
	var f outboxFlags
	var which deadFlags
	var sure bool
	cmd := &cobra.Command{
		Use:   "drop NUMBERS...",
		Short: "Remove dead letters of an outbox for good",
		Long: `Removes dead letters for good: their events will never be published. Numbers are those
of "eventnode outbox dead list", one (7) or several (9-12); what is not there is left
out. --all is all that there are when the command begins; --yes says that you mean it.`,
		Example: `  eventnode outbox dead drop 7 9-12 --dsn-file /etc/app/outbox.dsn
  eventnode outbox dead drop --all --yes --dsn-file /etc/app/outbox.dsn`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if which.all && !sure {
				return usagef("this removes all dead letters of the outbox: say --yes if you mean it")
			}
			n, err := a.outboxDead(cmd.Context(), &f, &which, args, (*outbox.SQLStore).Drop)
			if err != nil {
				return err
			}
			return a.printObject(map[string]int{"dropped": n}, func(w io.Writer) {
				fmt.Fprintf(w, "dropped %s\n", plural(n, "dead letter"))
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&which.all, "all", false, "all that there are")
	cmd.Flags().BoolVar(&sure, "yes", false, "yes, drop all")
	return cmd
}

// outboxDead does something to dead letters, some at a time, and says how many there
// were.
func (a *app) outboxDead(ctx context.Context, f *outboxFlags, which *deadFlags, words []string,
	do func(*outbox.SQLStore, context.Context, ...int64) (int, error),
) (done int, err error) {
	ranges, err := which.ranges(words)
	if err != nil {
		return 0, err
	}
	err = f.with(a, false, func(o *outboxDB) error {
		if err := o.check(ctx); err != nil {
			return err
		}
		if which.all {
			if ranges, err = o.allDead(ctx); err != nil {
				return err
			}
		}
		return inBatches(ranges, func(numbers []uint64) error {
			list := make([]int64, len(numbers))
			for i, n := range numbers {
				list[i] = int64(n)
			}
			n, err := do(o.store, ctx, list...)
			if done += n; err != nil {
				return fmt.Errorf("after %s: %w", plural(done, "dead letter"), err)
			}
			return nil
		})
	})
	return done, err
}

// allDead is all dead letters that there are now.
func (o *outboxDB) allDead(ctx context.Context) (list []eventnode.NumberRange, err error) {
	err = o.eachDead(ctx, func(page []outbox.DeadLetter) (bool, error) {
		for _, d := range page {
			n := uint64(d.Number)
			if k := len(list) - 1; k >= 0 && list[k].To+1 == n {
				list[k].To = n
				continue
			}
			list = append(list, eventnode.NumberRange{From: n, To: n})
		}
		return true, nil
	})
	return list, err
}

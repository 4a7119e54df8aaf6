package command

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

// defaultRows is how many rows commands that list what may be endless print.
const defaultRows = 1000

// pendingJSON is a line of pending --json.
type pendingJSON struct {
	Numbers    []numbersJSON `json:"numbers"`
	Count      uint64        `json:"count"`
	First      string        `json:"first,omitempty"` // none: the event is gone
	Place      string        `json:"place"`
	Consumer   int           `json:"consumer"`
	Deliveries int           `json:"deliveries"`
	Delivered  string        `json:"delivered,omitempty"`
	Due        string        `json:"due,omitempty"`
	Reason     string        `json:"reason,omitempty"`
}

// numbersJSON is numbers of events, both ends included.
type numbersJSON struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

func toPendingJSON(p eventnode.PendingEntry) pendingJSON {
	j := pendingJSON{
		Numbers: []numbersJSON{}, Count: p.Count, Place: p.Place.String(), Consumer: p.Consumer, Deliveries: p.Deliveries,
		Delivered: timeText(p.Delivered), Due: timeText(p.Due), Reason: p.Reason,
	}
	for _, r := range p.Numbers {
		j.Numbers = append(j.Numbers, numbersJSON{r.From, r.To})
	}
	if !p.First.IsZero() {
		j.First = p.First.String()
	}
	return j
}

// pendingCommand is `eventnode pending`.
func (a *app) pendingCommand() *cobra.Command {
	var s streamFlags
	var consumer, limit int
	cmd := &cobra.Command{
		Use:   "pending STREAM GROUP",
		Short: "List what a consumer group was delivered and has not acked",
		Long: `Lists what a consumer group of a stream was delivered and has not acked, events that
share a fate in one line. PLACE is
  held      in the hands of CONSUMER, until DUE: then it goes to others
  ready     to be delivered to whoever comes
  waiting   it failed, and is delivered again at DUE
  dying     on its way to the dead letters, with the REASON
NUMBERS are the events' numbers in the stream, FIRST is the position of the first
("-": it is gone). CONSUMER is to whom they were delivered last.`,
		Example: `  eventnode pending orders billing
  eventnode pending orders billing --consumer 2
  eventnode pending orders billing --json | jq 'select(.deliveries > 3)'`,
		Args: args(2, 2, "STREAM or GROUP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if consumer < 0 || limit < 0 {
				return usagef("--consumer and --limit must not be negative")
			}
			var list []pendingJSON
			more := false
			err := a.connected(cmd, func(ctx context.Context, c cluster) error {
				for p, err := range s.consumersOf(c).Pending(ctx, args[0], args[1], consumer) {
					if err != nil {
						return err
					}
					if more = limit > 0 && len(list) == limit; more {
						break
					}
					list = append(list, toPendingJSON(p))
				}
				return nil
			})
			if err != nil {
				return err
			}
			err = printList(a, list, "NUMBERS\tCOUNT\tFIRST\tPLACE\tCONSUMER\tDELIVERIES\tDELIVERED\tDUE\tREASON", pendingRow)
			return a.more(err, more, limit)
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	cmd.Flags().IntVar(&consumer, "consumer", 0, "only what this consumer has in hand (default: all)")
	cmd.Flags().IntVar(&limit, "limit", defaultRows, "lines at most; 0: no limit")
	return cmd
}

// more says that there is more than was printed.
func (a *app) more(err error, more bool, limit int) error {
	if err == nil && more {
		a.notice(map[string]any{"more": true}, "there are more than %d: see --limit", limit)
	}
	return err
}

// shownRanges is how many ranges of numbers a line has, at most.
const shownRanges = 4

func pendingRow(p pendingJSON) string {
	var numbers []string
	for i, r := range p.Numbers {
		if i == shownRanges {
			numbers = append(numbers, "...")
			break
		}
		numbers = append(numbers, rangeText(r))
	}
	dash := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	return fmt.Sprintf("%s\t%d\t%s\t%s\t%d\t%d\t%s\t%s\t%s", strings.Join(numbers, ","), p.Count, dash(p.First), p.Place,
		p.Consumer, p.Deliveries, dash(p.Delivered), dash(p.Due), dash(p.Reason))
}

func rangeText(r numbersJSON) string {
	if r.From == r.To {
		return fmt.Sprint(r.From)
	}
	return fmt.Sprintf("%d-%d", r.From, r.To)
}

// claimedJSON is what claim --json prints.
type claimedJSON struct {
	Stream string `json:"stream"`
	Group  string `json:"group"`
	From   int    `json:"from"`
	To     int    `json:"to"`
	Moved  uint64 `json:"moved"`
}

// claimCommand is `eventnode claim`.
func (a *app) claimCommand() *cobra.Command {
	var s streamFlags
	done := claimedJSON{}
	cmd := &cobra.Command{
		Use:   "claim STREAM GROUP --from N --to M",
		Short: "Move what one consumer has in hand to another one",
		Long: `Moves all that consumer --from of a group has in hand to consumer --to, which is
handed it at once, also while it runs. The first one, if it is there still, is
refused when it acks it. Nothing in hand is no error. What nobody has in hand needs
no claim: it is delivered to whoever comes.`,
		Example: `  eventnode pending orders billing --consumer 1
  eventnode claim orders billing --from 1 --to 2`,
		Args: args(2, 2, "STREAM or GROUP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case done.From < 1 || done.To < 1:
				return usagef("--from and --to must be given, 1 or more")
			case done.From == done.To:
				return usagef("--from and --to are the same consumer")
			}
			done.Stream, done.Group = args[0], args[1]
			err := a.ask(cmd, func(ctx context.Context, c cluster) (err error) {
				done.Moved, err = s.consumersOf(c).Claim(ctx, done.Stream, done.Group, done.From, done.To)
				return err
			})
			if err != nil {
				return err
			}
			return a.printObject(done, func(w io.Writer) {
				fmt.Fprintf(w, "moved %s from consumer %d to consumer %d\n", plural(done.Moved, "event"), done.From, done.To)
			})
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	cmd.Flags().IntVar(&done.From, "from", 0, "whose")
	cmd.Flags().IntVar(&done.To, "to", 0, "to whom")
	return cmd
}

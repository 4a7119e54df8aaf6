package command

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

// dispatchCommand is `eventnode dispatch`.
func (a *app) dispatchCommand() *cobra.Command {
	var f eventFlags
	var receipt, lines bool
	cmd := &cobra.Command{
		Use:   "dispatch TOPIC...",
		Short: "Dispatch an event, or each line of stdin, to a topic",
		Long: `Dispatches one event to a topic: whoever subscribes to it now gets it, on
whatever node. Nothing is stored. With several topics, who subscribes to more
than one of them gets the event once.

The command waits for the receipts of the nodes with subscribers, at most a
second, and warns on stderr if nobody was reached. With --receipt it prints who
was, and reaching nobody is exit code 6.

` + eventFlagsHelp + `

With --stdin each line of stdin is the data of an event, empty lines too, and a
last line without a newline. All go through one publisher, so subscribers get
them in order. The command returns when the node has accepted all, and prints
how many. Lines end at \n only: a \r before it is data.`,
		Example: `  eventnode dispatch topic:greetings --data hello
  eventnode dispatch topic:orders --name order_created --data @order.json --meta tenant=7 --receipt
  eventnode dispatch topic:orders topic:audit --data '{"id":1}' --data-type application/json
  tail -f app.log | eventnode dispatch topic:log --stdin`,
		Args: args(1, -1, "TOPIC, such as topic:orders,"),
		RunE: func(cmd *cobra.Command, topics []string) error {
			if !lines {
				return a.dispatchOne(cmd, topics, &f, receipt)
			}
			if receipt || cmd.Flags().Changed("data") {
				return usagef("--stdin goes neither with --data nor with --receipt")
			}
			return a.dispatchLines(cmd, topics, &f)
		},
	}
	a.addAddr(cmd)
	f.add(cmd)
	cmd.Flags().BoolVar(&receipt, "receipt", false, "print who was reached; fail if nobody was")
	cmd.Flags().BoolVar(&lines, "stdin", false, "dispatch each line of stdin as an event")
	return cmd
}

// dispatchOne dispatches the event of the flags.
func (a *app) dispatchOne(cmd *cobra.Command, topics []string, f *eventFlags, asked bool) error {
	ev, err := f.event(a.stdin)
	if err != nil {
		return err
	}
	var receipt eventnode.Receipt
	err = a.ask(cmd, func(ctx context.Context, c cluster) (err error) {
		receipt, err = c.DispatchMany(ctx, topics, ev, eventnode.WithReceipt(0))
		return err
	})
	if err != nil {
		return err
	}
	if asked || a.json {
		err = a.printObject(toReceiptJSON(ev.ID, receipt), func(w io.Writer) { writeReceipt(w, receipt) })
		if err != nil {
			return err
		}
	}
	return a.judgeReceipt(receipt, asked)
}

// judgeReceipt warns of what the receipt lacks; if nobody was reached that is
// an error to whoever asked.
func (a *app) judgeReceipt(r eventnode.Receipt, asked bool) error {
	for _, n := range r.Nodes {
		if n.Err != nil {
			a.notice(map[string]any{"warning": "no answer", "node": n.Node, "error": n.Err.Error()},
				"warning: %s did not say whom it reached: %v", n.Node, n.Err)
		}
	}
	if r.Reached > 0 {
		return nil
	}
	if asked {
		return failf(exitNobody, "reached nobody: no subscriber took the event")
	}
	a.notice(map[string]any{"warning": "reached nobody"}, "warning: reached nobody: nobody subscribes to this topic now, and nothing is stored")
	return nil
}

// writeReceipt prints a receipt for people.
func writeReceipt(w io.Writer, r eventnode.Receipt) {
	fmt.Fprintf(w, "reached %s\n", plural(r.Reached, "subscription"))
	for _, n := range r.Nodes {
		if n.Err != nil {
			fmt.Fprintf(w, "  %s  no answer: %v\n", n.Node, n.Err)
			continue
		}
		fmt.Fprintf(w, "  %s  %d\n", n.Node, n.Reached)
	}
}

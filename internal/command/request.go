package command

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// defaultRequestTimeout is how long request waits for its replies.
const defaultRequestTimeout = 5 * time.Second

// requestFlags are those of request.
type requestFlags struct {
	eventFlags
	timeout time.Duration
	replies string
}

// requestCommand is `eventnode request`.
func (a *app) requestCommand() *cobra.Command {
	var f requestFlags
	cmd := &cobra.Command{
		Use:   "request TOPIC NAME [DATA]",
		Short: "Ask whoever replies to a topic, and print the reply",
		Long: `Dispatches an event to a topic, as a request, and prints the data of the first reply,
followed by a newline. NAME says what is asked for; DATA is the payload: itself, @FILE,
or - for stdin. Who replies is a program with eventnode.Reply, or "eventnode reply".

If nobody subscribes to the topic there is nobody to wait for: the command says so at
once, with exit code 6. (A replier that has just started at another node may not be
known yet: try again.) If no reply came within --timeout the exit code is 5. If the
replier answers with an error, that is the error, with exit code 8.

With --replies 3 the first three replies are printed, each when it comes, and with
--replies all those of all repliers that come within --timeout, or until a replier says
that there are no more. Errors of repliers are told on stderr then.

A request is sent once, and so is a reply. What became of a request without a reply is
not known: who repeats it needs a replier that can stand to have it twice.

With --json a reply is {"event":{...}}.`,
		Example: `  eventnode request topic:prices price_asked '{"id":7}'
  eventnode request topic:prices price_asked @query.json --timeout 1s --json
  eventnode request topic:health health_asked --replies all --timeout 500ms`,
		Args: args(2, 3, "TOPIC, such as topic:prices, or NAME, such as price_asked,"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.request(cmd, &f, args) },
	}
	a.addAddr(cmd)
	f.addHead(cmd)
	cmd.Flags().DurationVar(&f.timeout, "timeout", defaultRequestTimeout, "how long to wait for replies")
	cmd.Flags().StringVar(&f.replies, "replies", "1", "how many replies to wait for, or all that come within --timeout")
	return cmd
}

// event makes the request of the arguments.
func (f *requestFlags) request(a *app, args []string) (event.Event, error) {
	var data []byte
	var err error
	if len(args) > 2 {
		if data, err = argument(args[2], a.stdin); err != nil {
			return event.Event{}, err
		}
	}
	opts, err := f.options()
	if err != nil {
		return event.Event{}, err
	}
	return event.New(args[1], data, opts...), nil
}

// wanted is how many replies there are to be; 0: any number.
func (f *requestFlags) wanted() (int, error) {
	if f.timeout <= 0 {
		return 0, usagef("--timeout must be positive")
	}
	if f.replies == "all" {
		return 0, nil
	}
	n, err := strconv.Atoi(f.replies)
	if err != nil || n < 1 {
		return 0, usagef("--replies %q: write a number, 1 or more, or all", f.replies)
	}
	return n, nil
}

// request asks, and prints what is replied.
func (a *app) request(cmd *cobra.Command, f *requestFlags, args []string) error {
	wanted, err := f.wanted()
	if err != nil {
		return err
	}
	ev, err := f.request(a, args)
	if err != nil {
		return err
	}
	return a.connected(cmd, func(ctx context.Context, c cluster) error {
		ctx, cancel := context.WithTimeoutCause(ctx, f.timeout, errTimeout)
		defer cancel()
		failed := 0
		for reply, err := range eventnode.RequestMany(ctx, c, args[0], ev, eventnode.WithReplies(wanted)) {
			said, isReply := errors.AsType[*eventnode.ReplyError](err)
			switch {
			case isReply && wanted == 1:
				return codedError{exitReply, err}
			case isReply:
				failed++
				a.notice(map[string]any{"reply_error": said.Text}, "an error: %s", said.Text)
			case err != nil:
				return f.explain(err)
			default:
				if err := a.printReply(reply); err != nil {
					return err
				}
			}
		}
		if failed > 0 {
			return failf(exitReply, "%s errors, see the lines above", pluralAre(failed, "reply is", "replies are"))
		}
		return nil
	})
}

// pluralAre writes a number with its noun and verb.
func pluralAre(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// explain gives an error of a request its exit code.
func (f *requestFlags) explain(err error) error {
	switch {
	case errors.Is(err, eventnode.ErrNoResponders):
		return failf(exitNobody, "%w: nobody subscribes to it, so nobody has the request; start one with \"eventnode reply\", or try again if it has just started", err)
	case errors.Is(err, errTimeout):
		return failf(exitTimeout, "%w after %v", err, f.timeout)
	}
	return err
}

// printReply prints a reply at once: others may take their time.
func (a *app) printReply(reply event.Event) error {
	out := a.output()
	var err error
	if a.json {
		err = out.object(&deliveryJSON{Event: &reply})
	} else {
		err = printData(out, reply.Data)
	}
	return errors.Join(err, out.Flush())
}

package command

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// replyFlags are those of reply.
type replyFlags struct {
	eventFlags
	exec     string
	timeout  time.Duration
	parallel int
	queue    string
}

// replyCommand is `eventnode reply`.
func (a *app) replyCommand() *cobra.Command {
	var f replyFlags
	cmd := &cobra.Command{
		Use:   "reply TOPIC...",
		Short: "Answer the requests to topics, with a text or by a command",
		Long: `Answers each request to one of the topics, until ctrl-C: with what --data says, or with
what a command prints.

--exec COMMAND runs a command in a shell for each request, at most --parallel at a time.
The request's data is its stdin, its stdout the data of the reply. If its exit code is
not 0, or it runs for longer than --exec-timeout (then it gets SIGTERM, and SIGKILL 10 s
later), the requester gets an error, with the end of what the command wrote to stderr.
Its environment has

  EVENTNODE_REQUEST_TOPIC      the topic, or the topics separated by spaces
  EVENTNODE_REQUEST_NAME       what is asked for
  EVENTNODE_REQUEST_ID         the event's ID: the same if a requester repeats itself
  EVENTNODE_REQUEST_KEY, EVENTNODE_REQUEST_SOURCE, EVENTNODE_REQUEST_DATA_TYPE
  EVENTNODE_REQUEST_META       the headers, as a JSON object

Whoever may dispatch to the topic chooses these and stdin: quote them, and do not eval
them.

Each of several repliers to a topic gets each request, and a requester takes the first
reply, or several. With --queue GROUP one of all repliers of that group gets it, one at the
requester's node if there is any. An event that is no request is told on stderr, and runs nothing. At
SIGTERM what runs goes on to its end and its reply; what is queued behind it is lost.

` + eventFlagsHelp,
		Example: `  eventnode reply topic:health --data ok
  eventnode reply topic:prices --exec 'jq .id | xargs ./price' --data-type application/json
  eventnode reply topic:prices --exec ./price --queue pricing
  eventnode reply topic:reports --exec ./report.sh --exec-timeout 5m --parallel 2`,
		Args: args(1, -1, "TOPIC, such as topic:prices,"),
		RunE: func(cmd *cobra.Command, topics []string) error { return a.reply(cmd, topics, &f) },
	}
	a.addAddr(cmd)
	f.add(cmd)
	fs := cmd.Flags()
	fs.StringVar(&f.exec, "exec", "", "the command whose output is the reply, for a shell")
	fs.DurationVar(&f.timeout, "exec-timeout", time.Minute, "how long the command may run")
	fs.StringVar(&f.queue, "queue", "", "the queue group to be a member of: one of its members gets each request")
	fs.IntVar(&f.parallel, "parallel", 8, "how many requests are answered at once")
	return cmd
}

// replier makes what answers.
func (f *replyFlags) replier(a *app, cmd *cobra.Command) (eventnode.Replier, error) {
	fixed := cmd.Flags().Changed("data")
	switch {
	case fixed == (f.exec != ""):
		return nil, usagef("say what to reply, with --data or with --exec, not both")
	case f.parallel < 1 || f.timeout <= 0:
		return nil, usagef("--parallel and --exec-timeout must be positive")
	}
	opts, err := f.options()
	if err != nil {
		return nil, err
	}
	if !fixed {
		return (&execReplier{line: f.exec, timeout: f.timeout, name: f.name, opts: opts, environ: a.environ, stderr: a.stderr}).reply, nil
	}
	data, err := f.payload(a.stdin)
	if err != nil {
		return nil, err
	}
	return func(context.Context, eventnode.Delivery) (event.Event, error) {
		return event.New(f.name, data, opts...), nil
	}, nil
}

// reply answers until the end.
func (a *app) reply(cmd *cobra.Command, topics []string, f *replyFlags) error {
	replier, err := f.replier(a, cmd)
	if err != nil {
		return err
	}
	return a.connected(cmd, func(ctx context.Context, c cluster) error {
		return eventnode.Reply(ctx, c, topics, replier,
			eventnode.WithSubscribeOptions(eventnode.WithQueueGroup(f.queue)),
			eventnode.WithReady(a.noticeSubscribed),
			eventnode.WithReplyGrace(f.timeout+childGrace),
			eventnode.WithHandleOptions(eventnode.WithConcurrency(f.parallel), eventnode.WithOnError(a.noticeFailed)))
	})
}

// noticeFailed tells of a request that was not answered, or with an error.
func (a *app) noticeFailed(d eventnode.Delivery, err error) {
	a.notice(map[string]any{"failed": d.Event.ID, "error": err.Error()}, "request %s (%s): %v", d.Event.ID, d.Event.Name, err)
}

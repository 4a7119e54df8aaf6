package command

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

// joinFlags are those of groups join.
type joinFlags struct {
	until
	scope, meta string
	times       int
	queue       int
	wait        time.Duration
}

func (a *app) groupsJoinCommand() *cobra.Command {
	var f joinFlags
	cmd := &cobra.Command{
		Use:   "join GROUP",
		Short: "Be a member of a group, and print what it receives",
		Long: `Joins a group and prints the data of each event that is sent or broadcast to this
member, followed by a newline, until ctrl-C, --count or --timeout. Then it leaves.

Joined several times (--times), it is as many members: it receives a broadcast
that often. "joined" on stderr says that the membership stands and names the
member; with --wait it appears when every living node knows.

A full queue drops its oldest events: that is told as a gap, and the exit code is
3. With --json a line is {"scope":"","group":"GROUP","event":{...}} or {"gap":{...}}.`,
		Example: `  eventnode groups join workers
  eventnode groups join workers --meta zone=a --times 2 --wait 2s
  eventnode groups join workers --count 1 --timeout 1m --json`,
		Args: args(1, 1, "GROUP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.times < 1 || f.times > 1000 {
				return usagef("--times must be 1 to 1000")
			}
			if f.queue < 0 || f.wait < 0 {
				return usagef("--queue-events and --wait must not be negative")
			}
			return a.groupsJoin(cmd, args[0], &f)
		},
	}
	a.addAddr(cmd)
	addScope(cmd, &f.scope)
	f.addFlags(cmd)
	cmd.Flags().StringVar(&f.meta, "meta", "", "metadata of the membership, which others see")
	cmd.Flags().IntVar(&f.times, "times", 1, "join this many times")
	cmd.Flags().IntVar(&f.queue, "queue-events", 0, "queue capacity in events (0: 1024)")
	cmd.Flags().DurationVar(&f.wait, "wait", 0, "wait this long until every living node knows (0: do not)")
	return cmd
}

// groupsJoin holds a membership.
func (a *app) groupsJoin(cmd *cobra.Command, group string, f *joinFlags) error {
	ctx, cancel, err := f.context(cmd.Context())
	if err != nil {
		return err
	}
	defer cancel()
	c, err := a.connect(cmd)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	// Its life is not that of ctx: after ctrl-C it leaves by Close.
	m, err := c.NewMember(context.WithoutCancel(ctx), f.queue)
	if err != nil {
		return f.result(ctx, err)
	}
	defer func() { _ = m.Close() }()
	opts := []eventnode.JoinOption{eventnode.WithMeta(f.meta)}
	if f.wait > 0 {
		opts = append(opts, eventnode.WithJoinWait(f.wait))
	}
	res, err := c.Scope(f.scope).Join(ctx, group, slices.Repeat([]eventnode.Member{m}, f.times), opts...)
	if err != nil {
		return f.result(ctx, err)
	}
	a.noticeJoined(group, m.Ref(), res)
	out := a.output()
	err = pump(ctx, m.Receive, func(r eventnode.Received) error { return a.printReceived(out, &f.until, r) }, out.Flush)
	if flushErr := out.Flush(); flushErr != nil {
		return flushErr
	}
	return f.result(ctx, err)
}

// noticeJoined says that the membership stands.
func (a *app) noticeJoined(group string, ref eventnode.MemberRef, res eventnode.JoinResult) {
	text := ""
	if res.Joined != 1 {
		text += ", " + plural(res.Joined, "time")
	}
	if len(res.Missing) > 0 {
		text += "; not confirmed yet by " + nodeNames(res.Missing)
	}
	a.notice(map[string]any{"joined": map[string]any{"group": group, "member": toMemberJSON(ref), "times": res.Joined, "missing": res.Missing}},
		"joined %s as %s%s", group, ref, text)
}

// printReceived prints an event, or tells a gap.
func (a *app) printReceived(out *output, u *until, r eventnode.Received) error {
	if r.Gap != nil {
		if err := out.Flush(); err != nil {
			return err
		}
		u.gap(a, r.Gap)
		if !a.json {
			return nil
		}
		return out.object(receivedJSON{Gap: toGapJSON(r.Gap)})
	}
	if a.json {
		if err := out.object(&receivedJSON{Scope: r.Scope, Group: r.Group, Event: &r.Event}); err != nil {
			return err
		}
	} else if err := printData(out, r.Event.Data); err != nil {
		return err
	}
	return u.event()
}

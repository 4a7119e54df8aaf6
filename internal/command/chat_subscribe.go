package command

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

// chatSubscribedJSON is what chat sub and chat unsub print with --json.
type chatSubscribedJSON struct {
	Sessions int                `json:"sessions"`
	Topics   []string           `json:"topics"`
	Missing  []eventnode.NodeID `json:"missing,omitempty"`
}

// chatRemovedJSON is what chat reset and chat remove print with --json.
type chatRemovedJSON struct {
	Ended   int                `json:"ended"`
	Topics  []string           `json:"topics"`
	Missing []eventnode.NodeID `json:"missing,omitempty"`
}

// subscriberFlags say whose subscriptions are meant.
type subscriberFlags struct {
	users   []string
	session string
}

func (f *subscriberFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&f.users, "user", nil, "the user; may be given several times")
	cmd.Flags().StringVar(&f.session, "session", "", "only this session of the user (default: all that he has now)")
}

// subscribers are who the flags say.
func (f *subscriberFlags) subscribers() (who []eventnode.ChatSubscriber, err error) {
	users, err := parseIDs("user", f.users)
	switch {
	case err != nil:
		return nil, err
	case len(users) == 0:
		return nil, usagef("--user is missing: whose sessions?")
	case f.session != "" && len(users) > 1:
		return nil, usagef("--session is of one --user")
	}
	for _, u := range users {
		who = append(who, eventnode.ChatSubscriber{User: u, Session: f.session})
	}
	return who, nil
}

func (a *app) chatSubCommand() *cobra.Command {
	var f subscriberFlags
	var noPresence, noTyping bool
	cmd := &cobra.Command{
		Use:   "sub TOPIC...",
		Short: "Subscribe sessions of a user to topics",
		Long: `Subscribes all sessions that a user has now, or one of them, to topics: guild:ID,
channel:ID, friend:ID or lazy_guild:ID. To a guild is also to those of its channels that
he may read. Nothing is given that he may not read. Sessions that are opened later
subscribe by themselves to what their user is in.`,
		Example: `  eventnode chat sub --user 7 guild:42
  eventnode chat sub --user 7 --session 4f1c channel:43 channel:44 --no-typing`,
		Args: args(1, -1, "TOPIC, such as guild:42,"),
		RunE: func(cmd *cobra.Command, topics []string) error {
			who, err := f.subscribers()
			if err != nil {
				return err
			}
			var subs []eventnode.ChatSubscription
			for _, t := range topics {
				subs = append(subs, eventnode.ChatSubscription{Topic: t, NoPresence: noPresence, NoTyping: noTyping})
			}
			return a.chatSubscribed(cmd, "subscribed", topics, func(ctx context.Context, c chatService) (eventnode.ChatSubscribed, error) {
				return c.Subscribe(ctx, who, subs...)
			})
		},
	}
	a.addAddr(cmd)
	f.add(cmd)
	cmd.Flags().BoolVar(&noPresence, "no-presence", false, "without events whose type begins with PRESENCE_")
	cmd.Flags().BoolVar(&noTyping, "no-typing", false, "without events whose type begins with TYPING_")
	return cmd
}

func (a *app) chatUnsubCommand() *cobra.Command {
	var f subscriberFlags
	cmd := &cobra.Command{
		Use:   "unsub TOPIC...",
		Short: "End subscriptions of a user's sessions",
		Long: `Ends the subscriptions of all sessions that a user has now, or of one of them, to
topics; those to a guild with those to its channels. To end what is not there is
success.`,
		Example: `  eventnode chat unsub --user 7 guild:42
  eventnode chat unsub --user 7 --session 4f1c channel:43`,
		Args: args(1, -1, "TOPIC, such as guild:42,"),
		RunE: func(cmd *cobra.Command, topics []string) error {
			who, err := f.subscribers()
			if err != nil {
				return err
			}
			return a.chatSubscribed(cmd, "unsubscribed", topics, func(ctx context.Context, c chatService) (eventnode.ChatSubscribed, error) {
				return c.Unsubscribe(ctx, who, topics...)
			})
		},
	}
	a.addAddr(cmd)
	f.add(cmd)
	return cmd
}

// chatSubscribed does something with subscriptions and says what was done.
func (a *app) chatSubscribed(cmd *cobra.Command, word string, topics []string, do func(context.Context, chatService) (eventnode.ChatSubscribed, error)) error {
	var done eventnode.ChatSubscribed
	err := a.ask(cmd, func(ctx context.Context, c cluster) (err error) {
		done, err = do(ctx, c.Chat())
		return err
	})
	if err != nil {
		return err
	}
	err = a.printObject(chatSubscribedJSON{done.Sessions, topics, done.Missing}, func(w io.Writer) {
		fmt.Fprintf(w, "%s %s, %s\n", word, plural(done.Sessions, "session"), plural(len(topics), "topic"))
	})
	if err != nil {
		return err
	}
	a.warnMissing(done.Missing, "events from there may not follow this yet")
	if done.Sessions == 0 {
		return failf(exitNobody, "no such session: its user has none, or is elsewhere")
	}
	return nil
}

func (a *app) chatResetCommand() *cobra.Command {
	return a.chatEndCommand("reset", "End all subscriptions to topics, which stay known",
		`Ends all subscriptions to topics, of all sessions on all nodes; their nodes go on
being interested in them. It is for topics that are subscribed to anew at once.`, chatService.Reset)
}

func (a *app) chatRemoveCommand() *cobra.Command {
	return a.chatEndCommand("remove", "End all subscriptions to topics for good",
		`Ends all subscriptions to topics, of all sessions on all nodes: after a guild or a
channel was deleted, once everybody has been told.`, chatService.Remove)
}

// chatEndCommand is reset or remove.
func (a *app) chatEndCommand(name, short, long string, end func(chatService, context.Context, ...string) (eventnode.ChatRemoved, error)) *cobra.Command {
	cmd := &cobra.Command{
		Use:     name + " TOPIC...",
		Short:   short,
		Long:    long,
		Example: "  eventnode chat " + name + " channel:43\n  eventnode chat " + name + " guild:42 channel:43 --json",
		Args:    args(1, -1, "TOPIC, such as channel:43,"),
		RunE: func(cmd *cobra.Command, topics []string) error {
			var done eventnode.ChatRemoved
			err := a.ask(cmd, func(ctx context.Context, c cluster) (err error) {
				done, err = end(c.Chat(), ctx, topics...)
				return err
			})
			if err != nil {
				return err
			}
			a.warnMissing(done.Missing, "there some may be left")
			return a.printObject(chatRemovedJSON{done.Ended, topics, done.Missing}, func(w io.Writer) {
				fmt.Fprintf(w, "ended %s\n", plural(done.Ended, "subscription"))
			})
		},
	}
	a.addAddr(cmd)
	return cmd
}

package command

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

// sessionJSON is a line of sessions list --json, and what sessions info --json prints.
// Ids are text: they do not fit the numbers of some programs.
type sessionJSON struct {
	Session    string           `json:"session"`
	Node       eventnode.NodeID `json:"node"`
	User       string           `json:"user"`
	Bot        bool             `json:"bot,omitempty"`
	Shard      uint32           `json:"shard"`
	Shards     uint32           `json:"shards"`
	Intents    uint64           `json:"intents"`
	Since      string           `json:"since"`
	Sequence   uint64           `json:"sequence"`
	Connected  bool             `json:"connected"`
	KeptEvents int              `json:"kept_events"`
	KeptBytes  uint64           `json:"kept_bytes"`
	Status     string           `json:"status"`
	Topics     int              `json:"topics"`

	Subscriptions []sessionTopicJSON `json:"subscriptions,omitempty"`
}

// sessionTopicJSON is a topic that a session subscribes to.
type sessionTopicJSON struct {
	Topic      string `json:"topic"`
	NoPresence bool   `json:"no_presence,omitempty"`
	NoTyping   bool   `json:"no_typing,omitempty"`
}

func toSessionJSON(s eventnode.ChatSession) sessionJSON {
	j := sessionJSON{
		Session: s.ID, Node: s.Node, User: fmt.Sprint(s.User), Bot: s.Bot, Shard: s.Shard, Shards: max(s.Shards, 1), Intents: s.Intents,
		Since: s.Since.UTC().Format(time.RFC3339Nano), Sequence: s.Sequence, Connected: s.Attached,
		KeptEvents: s.KeptEvents, KeptBytes: s.KeptBytes, Status: s.Status, Topics: s.Topics,
	}
	for _, t := range s.Subscriptions {
		j.Subscriptions = append(j.Subscriptions, sessionTopicJSON(t))
	}
	return j
}

// sessionsCommand is `eventnode sessions`.
func (a *app) sessionsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sessions",
		Short: "Sessions of the gateway's clients: list, look at, end",
		Long: `A session is one client of a gateway ("serve --gateway"), with what it was sent: a
client that lost its connection goes on where it was, at any node, as long as its
session is kept (--session-ttl) and has what it missed (--replay-events, --replay-bytes).`,
		Example: `  eventnode sessions list
  eventnode sessions list --user 7
  eventnode sessions close 4f1c0d`,
	}
	parent(cmd)
	cmd.AddCommand(a.sessionsListCommand(), a.sessionsInfoCommand(), a.sessionsCloseCommand())
	return cmd
}

func (a *app) sessionsListCommand() *cobra.Command {
	var user, guild string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List sessions of all nodes",
		Long: `Lists the sessions of all nodes, or those of a user, or of the members of a guild
whose shards have it. CONNECTED is whether the client is there; one that is not may still
resume. SEQ is the number of the newest event, KEPT how many are kept for resume.`,
		Example: `  eventnode sessions list
  eventnode sessions list --guild 42 --json | jq -r .user`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			var f eventnode.ChatSessionFilter
			if user != "" {
				if f.User, err = parseID("--user", user); err != nil {
					return err
				}
			}
			if guild != "" {
				if f.Guild, err = parseID("--guild", guild); err != nil {
					return err
				}
			}
			return a.ask(cmd, func(ctx context.Context, c cluster) error {
				list, err := collectSessions(ctx, c.Chat(), f)
				if err = a.partly(err); err != nil {
					return err
				}
				return printList(a, list, "SESSION\tUSER\tNODE\tSHARD\tSTATUS\tCONNECTED\tSEQ\tKEPT\tTOPICS\tSINCE", sessionRow)
			})
		},
	}
	a.addAddr(cmd)
	cmd.Flags().StringVar(&user, "user", "", "only those of the user with this id")
	cmd.Flags().StringVar(&guild, "guild", "", "only those of members of the guild with this id")
	return cmd
}

// collectSessions lists sessions. With an error of nodes that did not answer it has the
// others'.
func collectSessions(ctx context.Context, c eventnode.Chat, f eventnode.ChatSessionFilter) (list []sessionJSON, err error) {
	for s, err := range c.Sessions(ctx, f) {
		if err != nil {
			return list, err
		}
		list = append(list, toSessionJSON(s))
	}
	return list, nil
}

// sessionRow is a row of the table.
func sessionRow(s sessionJSON) string {
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s", s.Session, s.User, s.Node, shardText(s.Shard, s.Shards), s.Status,
		yesNo(s.Connected), s.Sequence, s.KeptEvents, s.Topics, s.Since)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (a *app) sessionsInfoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "info SESSION",
		Short: "Show one session, with the topics that it subscribes to",
		Long: `Shows whose a session is, where it is, what it is sent, what is kept of that for
resume, and the topics that it subscribes to with what it does not want of them.`,
		Example: `  eventnode sessions info 4f1c0d
  eventnode sessions info 4f1c0d --json | jq -r '.subscriptions[].topic'`,
		Args: args(1, 1, "SESSION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, func(ctx context.Context, c cluster) error {
				list, err := collectSessions(ctx, c.Chat(), eventnode.ChatSessionFilter{Session: args[0]})
				switch {
				case len(list) > 0: // who did not answer does not have it
					return a.printObject(list[0], func(w io.Writer) { writeSession(w, list[0]) })
				case err != nil:
					return err
				}
				return fmt.Errorf("%.80s: %w", args[0], eventnode.ErrSessionNotFound)
			})
		},
	}
	a.addAddr(cmd)
	return cmd
}

// writeSession writes a session for people.
func writeSession(w io.Writer, s sessionJSON) {
	who, connected := "user", "no: it may resume"
	if s.Bot {
		who = "bot"
	}
	if s.Connected {
		connected = "yes"
	}
	fmt.Fprintf(w, "session    %s at %s\n%-10s %s, shard %s, %s\nconnected  %s\nsince      %s\nintents    %d\nevents     %d, the newest %d of them are kept for resume (%s)\ntopics     %d\n",
		s.Session, s.Node, who, s.User, shardText(s.Shard, s.Shards), s.Status, connected, s.Since, s.Intents, s.Sequence, s.KeptEvents, sized(s.KeptBytes), s.Topics)
	for _, t := range s.Subscriptions {
		var without []string
		if t.NoPresence {
			without = append(without, "presence")
		}
		if t.NoTyping {
			without = append(without, "typing")
		}
		fmt.Fprintf(w, "  %s", t.Topic)
		if len(without) > 0 {
			fmt.Fprintf(w, "  without %s", strings.Join(without, ", "))
		}
		fmt.Fprintln(w)
	}
}

func (a *app) sessionsCloseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "close SESSION",
		Short: "End a session",
		Long: `Ends a session, wherever it is, with what was kept of it: its client cannot resume,
and has to identify anew.`,
		Example: `  eventnode sessions close 4f1c0d`,
		Args:    args(1, 1, "SESSION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := a.ask(cmd, func(ctx context.Context, c cluster) error { return c.Chat().CloseSession(ctx, args[0]) })
			if err != nil {
				return err
			}
			return a.printObject(map[string]any{"session": args[0], "closed": true}, func(w io.Writer) { fmt.Fprintf(w, "session %s ended\n", args[0]) })
		},
	}
	a.addAddr(cmd)
	return cmd
}

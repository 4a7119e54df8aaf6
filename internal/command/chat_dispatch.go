package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

// reachedJSON is what chat dispatch --json prints.
type reachedJSON struct {
	Reached  int                `json:"reached"`
	Sessions []string           `json:"sessions,omitempty"`
	Missing  []eventnode.NodeID `json:"missing,omitempty"`
}

// chatDispatchFlags are those of chat dispatch.
type chatDispatchFlags struct {
	also                       []string
	onlySession, exceptSession []string
	onlyUser, exceptUser       []string
	list                       bool
}

func (f *chatDispatchFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringArrayVar(&f.also, "also", nil, "a further topic; may be given several times")
	fs.StringSliceVar(&f.onlySession, "only-session", nil, "only this session, if a topic reaches it; may be given several times")
	fs.StringSliceVar(&f.onlyUser, "only-user", nil, "only sessions of this user, if a topic reaches them; may be given several times")
	fs.StringSliceVar(&f.exceptSession, "except-session", nil, "not this session; may be given several times")
	fs.StringSliceVar(&f.exceptUser, "except-user", nil, "no session of this user; may be given several times")
	fs.BoolVar(&f.list, "list", false, "print which sessions were reached")
}

func (f *chatDispatchFlags) options() (opts []eventnode.ChatOption, err error) {
	only, err := parseIDs("only-user", f.onlyUser)
	if err != nil {
		return nil, err
	}
	except, err := parseIDs("except-user", f.exceptUser)
	if err != nil {
		return nil, err
	}
	if len(f.onlySession)+len(only) > 0 {
		opts = append(opts, eventnode.WithOnly(f.onlySession...), eventnode.WithOnlyUsers(only...))
	}
	opts = append(opts, eventnode.WithExcept(f.exceptSession...), eventnode.WithExceptUsers(except...))
	if f.list {
		opts = append(opts, eventnode.WithSessions())
	}
	return opts, nil
}

func (a *app) chatDispatchCommand() *cobra.Command {
	var f chatDispatchFlags
	cmd := &cobra.Command{
		Use:   "dispatch TOPIC TYPE [DATA]",
		Short: "Dispatch an event to the sessions of a topic",
		Long: `Sends an event to the sessions that a topic stands for, and prints how many have it
in their logs: whoever has lost his connection gets it when he resumes. With --also
it goes to several topics, and to each session once. Reaching nobody is exit code 6.

DATA is the payload, JSON: itself, @FILE, or - for stdin. Without it the payload is {}.`,
		Example: `  eventnode chat dispatch guild:42 GUILD_UPDATE '{"id":"42","name":"new name"}'
  eventnode chat dispatch channel:43 MESSAGE_CREATE @message.json --except-user 7 --list
  eventnode chat dispatch user:7 USER_UPDATE - --also friend:7 < user.json`,
		Args: args(2, 3, "TOPIC, such as guild:42, or TYPE, such as GUILD_UPDATE,"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts, err := f.options()
			if err != nil {
				return err
			}
			data := []byte("{}")
			if len(args) > 2 {
				if data, err = argument(args[2], a.stdin); err != nil {
					return err
				}
			}
			if !json.Valid(data) {
				return usagef("DATA is no JSON: %.80q", data)
			}
			return a.chatDispatch(cmd, append([]string{args[0]}, f.also...), args[1], data, opts)
		},
	}
	a.addAddr(cmd)
	f.add(cmd)
	return cmd
}

func (a *app) chatDispatch(cmd *cobra.Command, topics []string, eventType string, data []byte, opts []eventnode.ChatOption) error {
	var r eventnode.Reached
	err := a.ask(cmd, func(ctx context.Context, c cluster) (err error) {
		r, err = c.Chat().DispatchMany(ctx, topics, eventType, data, opts...)
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(r.Sessions)
	err = a.printObject(reachedJSON{r.Count, r.Sessions, r.Missing}, func(w io.Writer) {
		fmt.Fprintf(w, "reached %s\n", plural(r.Count, "session"))
		for _, id := range r.Sessions {
			fmt.Fprintln(w, "  "+id)
		}
	})
	if err != nil {
		return err
	}
	a.warnMissing(r.Missing, "their sessions may have the event or not")
	if r.Count == 0 {
		return failf(exitNobody, "reached nobody: no session of these topics")
	}
	return nil
}

package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// chatService is what commands need of a chat service; *client.Chat has it.
type chatService interface {
	eventnode.Chat
	// Change changes the directory.
	Change(ctx context.Context, changes ...*eventnodev1.DirectoryChange) (eventnode.ChatChanged, error)
	// Export is the directory.
	Export(ctx context.Context) iter.Seq2[*eventnodev1.DirectoryChange, error]
}

// connection is a client as commands need it.
type connection struct{ *client.Client }

// Chat implements cluster.
func (c connection) Chat() chatService { return c.Client.Chat() }

// chatCommand is `eventnode chat`.
func (a *app) chatCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "chat",
		Short: "A chat service: its directory, its topics, and events to sessions",
		Long: `Clients of a gateway ("serve --gateway") have sessions, sessions subscribe to
topics, and an event that is dispatched to a topic reaches its sessions, on whatever
node they are. Topics are

  guild:ID       the members of a guild, by the shard that has it
  channel:ID     those who may read a channel
  member:G,U     the sessions of user U whose shard has guild G
  user:ID        all sessions of a user
  friend:ID      the friends of a user
  lazy_guild:ID  the member lists of a guild

Who is where says the directory, which all nodes share.`,
		Example: `  eventnode chat load guilds.yaml
  eventnode chat dispatch guild:42 GUILD_UPDATE '{"id":"42","name":"new name"}'
  eventnode sessions list`,
	}
	parent(cmd)
	cmd.AddCommand(a.chatLoadCommand(), a.chatExportCommand(), a.chatDispatchCommand(),
		a.chatSubCommand(), a.chatUnsubCommand(), a.chatResetCommand(), a.chatRemoveCommand())
	return cmd
}

// parseID reads the id of what.
func parseID(what, text string) (uint64, error) {
	id, err := strconv.ParseUint(text, 10, 63)
	if err != nil || id == 0 {
		return 0, usagef("%s %q: an id is a number from 1 to 2^63-1", what, text)
	}
	return id, nil
}

// parseIDs reads the ids of a flag that may be given several times.
func parseIDs(flag string, texts []string) ([]uint64, error) {
	ids := make([]uint64, 0, len(texts))
	for _, text := range texts {
		id, err := parseID("--"+flag, text)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// argument reads what an argument stands for: itself, @FILE, or - for stdin.
func argument(text string, stdin io.Reader) ([]byte, error) {
	file, named := strings.CutPrefix(text, "@")
	switch {
	case text == "-":
		return readBounded(stdin, "stdin")
	case !named:
		return []byte(text), nil
	}
	r, err := os.Open(file)
	if err != nil {
		return nil, usageError{err}
	}
	defer func() { _ = r.Close() }()
	return readBounded(r, file)
}

// warnMissing tells of nodes that did not answer, and what that means.
func (a *app) warnMissing(missing []eventnode.NodeID, meaning string) {
	if len(missing) > 0 {
		a.notice(map[string]any{"warning": "no answer", "nodes": missing}, "warning: no answer from %s: %s", nodeNames(missing), meaning)
	}
}

// partly makes an error that only some nodes did not answer a warning.
func (a *app) partly(err error) error {
	if missing, ok := errors.AsType[*eventnode.MissingError](err); ok {
		a.warnMissing(missing.Nodes, "what they have is not listed")
		return nil
	}
	return err
}

// shardText writes a shard for people.
func shardText(shard, shards uint32) string {
	return fmt.Sprintf("%d/%d", shard, max(shards, 1))
}

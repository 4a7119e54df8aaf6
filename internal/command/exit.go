package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
)

// Exit codes: part of the interface. The text of exitCodesTopic says the same.
const (
	exitOK        = 0
	exitError     = 1
	exitUsage     = 2
	exitGap       = 3
	exitUnhealthy = 4
	exitTimeout   = 5
	exitNobody    = 6
	exitTaken     = 7
	exitReply     = 8
)

// exitCodesTopic is `eventnode help exit-codes`.
func exitCodesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes mean",
		Long: `The exit code of every command:

  0  it did what was asked; also after ctrl-C, for commands that run until then
  1  an error, in one line on stderr; bench: events were lost, doubled or
     out of order, or not published; scrub: a copy is damaged; chat load: changes
     did not fit
  2  the command line is not right: --help says what is
  3  subscribe, groups join, consume, streams record: there was a gap, events
     are missing
  4  status: the node is not healthy; raft status: there is no leader, or a
     voter is not well
  5  subscribe, groups join: --timeout passed before --count events came; request:
     before the replies came
  6  dispatch --receipt, groups broadcast, groups send, chat dispatch: nobody was
     reached; request: nobody is there who could reply; chat sub, chat unsub: there
     is no such session
  7  consume: another one is this consumer, or took it over; locks run: somebody
     else has the lock, or it was lost while the command ran
  8  request: a replier has answered with an error

"locks run" else ends with the code of the command that it ran.

If several apply, the first that happened decides, but a gap (3) goes before a
time-out (5): what did not come may be what was dropped.`,
	}
}

// topicsTopic is `eventnode help topics`.
func topicsTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "topics",
		Short: "How topics are written",
		Long: `A topic is a kind and a key, written kind:key. The kind says which code of the
node owns it; the key is what that kind makes of it. The kind "topic" takes any
text without spaces as its key:

  topic:orders.eu      topic:greetings      topic:players.42.moved

A topic needs no creation. It exists while somebody subscribes to it.

Topics of the kind "reply" are where replies to requests go: each is the inbox of one
requester, whose key nobody guesses. "eventnode request" has its own.`,
	}
}

// codedError ends the program with a code of its own.
type codedError struct {
	code int
	err  error
}

func (e codedError) Error() string { return e.err.Error() }
func (e codedError) Unwrap() error { return e.err }

// silentExit ends the program with a code and says nothing: somebody else has.
type silentExit int

func (e silentExit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// usageError is a malformed command line.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// usagef makes a usageError.
func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// failf makes a codedError.
func failf(code int, format string, args ...any) error {
	return codedError{code, fmt.Errorf(format, args...)}
}

// report prints err, one line, and returns the exit code.
func (a *app) report(cmd *cobra.Command, err error) int {
	var silent silentExit
	if errors.As(err, &silent) {
		return int(silent)
	}
	code, text := exitError, explain(err)
	var usage usageError
	var coded codedError
	switch {
	case errors.As(err, &usage):
		code = exitUsage
		text += " (see " + cmd.CommandPath() + " --help)"
	case errors.As(err, &coded):
		code = coded.code
	}
	text = strings.Join(strings.Fields(text), " ")
	if a.json {
		line, _ := json.Marshal(map[string]any{"error": text, "code": code}) // cannot fail
		fmt.Fprintln(a.stderr, string(line))
		return code
	}
	fmt.Fprintln(a.stderr, "eventnode: "+text)
	return code
}

// advice says what to do about an error, where the error does not.
var advice = []struct {
	err  error
	text string
}{
	{eventnode.ErrOutcomeUnknown, "some events may not have been dispatched, and none is sent again by itself"},
	{eventnode.ErrSlowSubscriber, "subscribe with another --policy, or read faster"},
	{client.ErrTokenInClear, "secure the connection with --tls-ca, or say with --token-in-clear that it may"},
	{eventnode.ErrNameTaken, "choose another --name"},
	{eventnode.ErrConsumerGroupNotFound, "see \"eventnode consumer-groups --help\""},
	{eventnode.ErrConsumerGroupDiffers, "\"eventnode consumer-groups update\" changes it"},
	{eventnode.ErrForeignCluster, "check --cluster and the addresses in --join"},
	{context.DeadlineExceeded, "the node did not answer in time"},
	{context.Canceled, "interrupted"},
}

// explain adds advice to an error.
func explain(err error) string {
	for _, a := range advice {
		if errors.Is(err, a.err) {
			return err.Error() + ": " + a.text
		}
	}
	// Not by errors.Is: memberlist does not wrap what its listener returned.
	if text := err.Error(); strings.Contains(text, "address already in use") {
		return text + ": stop who listens there, or choose another port with --gossip and --rpc"
	}
	return err.Error()
}

package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// execReplier answers requests with what a command prints.
type execReplier struct {
	line    string
	timeout time.Duration
	name    string
	opts    []event.Option
	environ func() []string // nil: empty
	stderr  io.Writer
}

// reply runs the command once. Its error is for the requester.
func (e *execReplier) reply(ctx context.Context, d eventnode.Delivery) (event.Event, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, e.timeout, errTimeout)
	defer cancel()
	child := childCommand(ctx, shell(e.line))
	kill := grouped(child)
	var out replyOutput
	var said tail
	child.Stdin, child.Stdout, child.Stderr = bytes.NewReader(d.Event.Data), &out, io.MultiWriter(&said, e.stderr)
	env, err := requestEnvironment(d)
	if err != nil {
		return event.Event{}, err
	}
	if e.environ != nil {
		child.Env = e.environ()
	}
	child.Env = append(child.Env, env...)
	err = child.Run()
	if ctx.Err() != nil {
		kill()
	}
	switch {
	case errors.Is(context.Cause(ctx), errTimeout):
		return event.Event{}, fmt.Errorf("the command did not end within %v%s", e.timeout, said.text())
	case out.over:
		return event.Event{}, fmt.Errorf("the command printed more than %d MiB", maxPayload>>20)
	case err != nil:
		return event.Event{}, commandError(err, &said)
	}
	return event.New(e.name, out.Bytes(), e.opts...), nil
}

// commandError is how a command ended, and the end of what it said.
func commandError(err error, said *tail) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("the command ended with %s%s", exit.ProcessState, said.text())
	}
	return fmt.Errorf("the command could not be run: %w", err)
}

// shell is a command line for the system's shell.
func shell(line string) []string {
	if runtime.GOOS == "windows" {
		return []string{"cmd", "/C", line}
	}
	return []string{"sh", "-c", line}
}

// requestEnvironment is what a command is told of the request.
func requestEnvironment(d eventnode.Delivery) ([]string, error) {
	meta, err := json.Marshal(d.Event.Meta)
	if err != nil {
		return nil, err
	}
	const prefix = "EVENTNODE_REQUEST_"
	return []string{
		prefix + "TOPIC=" + strings.Join(d.Topics, " "),
		prefix + "NAME=" + d.Event.Name,
		prefix + "ID=" + d.Event.ID.String(),
		prefix + "KEY=" + d.Event.Key,
		prefix + "SOURCE=" + d.Event.Source,
		prefix + "DATA_TYPE=" + d.Event.DataType,
		prefix + "META=" + string(meta),
	}, nil
}

// replyOutput is what a command prints, at most maxPayload.
type replyOutput struct {
	bytes.Buffer
	over bool
}

// errTooMuch ends the reading of a command's output.
var errTooMuch = errors.New("too much output")

// Write implements io.Writer.
func (o *replyOutput) Write(b []byte) (int, error) {
	if o.Len()+len(b) > maxPayload {
		o.over = true
		return 0, errTooMuch
	}
	return o.Buffer.Write(b)
}

// ReadFrom hides that of the buffer, which knows no bound.
func (o *replyOutput) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{o}, r)
}

// maxTail is how much of what a command writes to stderr goes into an error.
const maxTail = 900

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.kept = append(t.kept, b[max(0, len(b)-maxTail):]...)
	t.kept = t.kept[max(0, len(t.kept)-maxTail):]
	return len(b), nil
}

// text is the end of the error: empty if nothing was said.
func (t *tail) text() string {
	said := strings.TrimSpace(strings.ToValidUTF8(string(t.kept), ""))
	if said == "" {
		return ""
	}
	return ": " + said
}

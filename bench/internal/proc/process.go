package proc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

const (
	// stopWait is how long Stop waits before it kills.
	stopWait = 5 * time.Second
	// pipeWait bounds waiting for pipes that a grandchild holds open.
	pipeWait = time.Second
	// answers is how many lines may wait for Receive. A process that writes
	// more waits in its write.
	answers = 1024
)

// Process is a child that is driven by lines.
type Process struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *lines
	ended chan struct{} // closed when the process is gone
	err   error         // how it ended; set before ended is closed
	stop  sync.Once
}

// Start starts cmd, whose Stdin, Stdout and Stderr it sets; one made by
// exec.Command will do. Each line of its standard error goes to log, behind the
// name, in one Write; log must be safe for concurrent use if other processes
// have it, too; nil discards. The end of ctx kills the process.
func Start(ctx context.Context, name string, cmd *exec.Cmd, log io.Writer) (*Process, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &Process{
		name: name, cmd: cmd, stdin: stdin, ended: make(chan struct{}),
		out: &lines{to: make(chan []byte, answers), quit: make(chan struct{})},
	}
	cmd.Stdout, cmd.WaitDelay = p.out, pipeWait
	prefixed := &prefixer{prefix: name + ": ", to: log}
	if log != nil {
		cmd.Stderr = prefixed
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	unwatch := context.AfterFunc(ctx, p.kill)
	go func() {
		defer close(p.ended)
		p.err = cmd.Wait()
		unwatch()
		prefixed.flush()
		p.out.flush()
	}()
	return p, nil
}

// Name returns the name that Start got.
func (p *Process) Name() string { return p.name }

// PID returns the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Send writes v as one line of JSON.
func (p *Process) Send(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	if _, err := p.stdin.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("%s: send %.80s: %w", p.name, line, err)
	}
	return nil
}

// Receive reads the next line of JSON into v; nil takes the line and forgets
// it. A line with a field "error" is that error.
func (p *Process) Receive(ctx context.Context, v any) error {
	line, err := p.line(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	var failed struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(line, &failed) == nil && failed.Error != "" {
		return fmt.Errorf("%s: %s", p.name, failed.Error)
	}
	if v == nil {
		return nil
	}
	if err := json.Unmarshal(line, v); err != nil {
		return fmt.Errorf("%s: answer %.80s: %w", p.name, line, err)
	}
	return nil
}

// line waits for the next line; what was written before the end comes first.
func (p *Process) line(ctx context.Context) ([]byte, error) {
	select {
	case line := <-p.out.to:
		return line, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-p.ended:
	}
	select {
	case line := <-p.out.to:
		return line, nil
	default:
	}
	if p.err != nil {
		return nil, fmt.Errorf("ended: %w", p.err)
	}
	return nil, errors.New("ended")
}

// Ask sends a command and reads its answer.
func (p *Process) Ask(ctx context.Context, command, answer any) error {
	if err := p.Send(command); err != nil {
		return err
	}
	return p.Receive(ctx, answer)
}

// Stop closes the process's standard input, waits 5 s for its end, then kills
// it. It returns when the process is gone.
func (p *Process) Stop() {
	p.stop.Do(func() {
		close(p.out.quit)
		_ = p.stdin.Close()
	})
	patience := time.NewTimer(stopWait)
	defer patience.Stop()
	select {
	case <-p.ended:
	case <-patience.C:
		p.kill()
		<-p.ended
	}
}

// Quit has the process, a Go program, log what its goroutines do and end, with SIGQUIT. It
// waits for that as long as Stop does.
func (p *Process) Quit() {
	_ = p.cmd.Process.Signal(syscall.SIGQUIT) // it may have ended
	p.Stop()
}

// Terminate asks the process to end, with SIGTERM, and returns when it is gone. The
// end of ctx kills it, and is an error.
func (p *Process) Terminate(ctx context.Context) error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.ended:
		p.Stop()
		return nil
	case <-ctx.Done():
		p.Kill()
		return fmt.Errorf("%s: asked to end: %w", p.name, context.Cause(ctx))
	}
}

// Kill ends the process at once, and returns when it is gone.
func (p *Process) Kill() {
	p.kill()
	p.Stop()
}

// kill ends the process. One that has ended cannot be killed, nor need be.
func (p *Process) kill() { _ = p.cmd.Process.Kill() }

// StopAll stops processes, all at the same time. Nil ones are none.
func StopAll(ps ...*Process) {
	var stopping sync.WaitGroup
	for _, p := range ps {
		if p != nil {
			stopping.Go(p.Stop)
		}
	}
	stopping.Wait()
}

package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// Main runs the process for a role, whose configuration comes first on in. It ends when in
// does.
func Main(ctx context.Context, role string, in io.Reader, out io.Writer) error {
	if err := raiseFiles(); err != nil {
		return err
	}
	p := process{in: json.NewDecoder(in), out: json.NewEncoder(out)}
	switch role {
	case "node":
		return run(ctx, p, runNode)
	case "peer":
		return run(ctx, p, runPeer)
	case "clients":
		return run(ctx, p, runClients)
	}
	return fmt.Errorf("no role %q", role)
}

// process is this side of the conversation.
type process struct {
	in  *json.Decoder
	out *json.Encoder
}

// run reads a role's configuration and runs it.
func run[C any](ctx context.Context, p process, role func(context.Context, C, process) error) error {
	var cfg C
	if err := p.in.Decode(&cfg); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	err := role(ctx, cfg, p)
	if errors.Is(err, io.EOF) { // the coordinator needs no more of it
		return nil
	}
	return err
}

// failure is the answer that something went wrong.
func failure(err error) map[string]string { return map[string]string{"error": err.Error()} }

// now is the machine's wall clock, which all processes share.
func now() int64 { return time.Now().UnixNano() }

// raiseFiles has the process open as many files as it may.
func raiseFiles() error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("RLIMIT_NOFILE: %w", err)
	}
	more := unix.Rlimit{Cur: wantedFiles, Max: wantedFiles}
	if l.Max >= wantedFiles || unix.Setrlimit(unix.RLIMIT_NOFILE, &more) != nil { // only root may
		more = unix.Rlimit{Cur: l.Max, Max: l.Max}
		return unix.Setrlimit(unix.RLIMIT_NOFILE, &more)
	}
	return nil
}

const (
	// wantedFiles is what the largest workload needs in one process.
	wantedFiles = 60_000
	// otherFiles is what a process has open besides connections.
	otherFiles = 300
)

// files is how many connections one process may have.
func files() (int, error) {
	if err := raiseFiles(); err != nil {
		return 0, err
	}
	var l unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l)
	return int(min(l.Cur, 1<<30)) - otherFiles, err
}

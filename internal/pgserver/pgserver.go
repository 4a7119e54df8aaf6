package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eventnode/eventnode/internal/loopback"
)

// Config of a Server.
type Config struct {
	// Dir is where its data and its log are. It is made, and all on the way to it must be
	// open to other users if root starts the server. Required.
	Dir string
	// Sync keeps what was committed when the power goes. Tests of logic do without.
	Sync bool
	// Settings are further ones, such as "shared_buffers=256MB".
	Settings []string
}

// Server is a PostgreSQL server.
type Server struct {
	cfg     Config
	bin     string
	address string
	cmd     *exec.Cmd
	ended   chan struct{}
}

// superuser may do everything in its databases, and needs no password.
const superuser = "test"

// readyTimeout bounds how long a server may take to serve, on a machine that does much
// else.
const readyTimeout = time.Minute

const pollInterval = 50 * time.Millisecond

// Find looks for PostgreSQL's programs. It returns their directory, or why there is none.
func Find() (bin, missing string) {
	list, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is well formed
	slices.Sort(list)
	if len(list) > 0 {
		return filepath.Dir(list[len(list)-1]), ""
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), ""
		}
	}
	return "", "PostgreSQL's programs are missing: install Debian's package postgresql-15"
}

// Version is that of the programs, such as "15.18"; empty if they do not say it.
func Version(ctx context.Context, bin string) string {
	out, err := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return ""
	}
	words := strings.Fields(string(out)) // postgres (PostgreSQL) 15.18 ...
	if len(words) < 3 {
		return ""
	}
	return words[2]
}

// TempDir makes a directory into which other users may look, as that of a server has to
// be when root starts it.
func TempDir() (string, error) {
	dir, err := os.MkdirTemp("", "eventnode-pg-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
}

// Start makes a server and returns when it serves.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	bin, missing := Find()
	if missing != "" {
		return nil, errors.New(missing)
	}
	address, err := loopback.Address()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, bin: bin, address: address}
	if err := s.init(ctx); err != nil {
		return nil, fmt.Errorf("initdb: %w", err)
	}
	if err := s.Run(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// init makes the data directory.
func (s *Server) init(ctx context.Context) error {
	if err := os.MkdirAll(s.cfg.Dir, 0o755); err != nil {
		return err
	}
	if err := give(s.cfg.Dir); err != nil {
		return err
	}
	cmd := s.command(ctx, "initdb", "--pgdata", s.data(), "--username", superuser, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func (s *Server) data() string { return filepath.Join(s.cfg.Dir, "data") }

// Run starts a server that was stopped or killed again, and returns when it serves.
func (s *Server) Run(ctx context.Context) error {
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(s.Log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	args := []string{"-D", s.data(), "-h", host, "-p", port, "-k", s.cfg.Dir}
	settings := s.cfg.Settings
	if !s.cfg.Sync {
		settings = append([]string{"fsync=off", "synchronous_commit=off", "full_page_writes=off"}, settings...)
	}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	// Not with ctx, which would kill it: it ends with Stop or Kill.
	s.cmd = s.command(context.WithoutCancel(ctx), "postgres", args...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	ended := make(chan struct{})
	s.ended = ended
	go func() {
		_ = s.cmd.Wait()
		close(ended)
	}()
	if err := s.ready(ctx); err != nil {
		s.Kill()
		return err
	}
	return nil
}

// ready waits until the server serves.
func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	host, port, _ := net.SplitHostPort(s.address) // it was split before
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		if exec.CommandContext(ctx, filepath.Join(s.bin, "pg_isready"), "-q", "-h", host, "-p", port).Run() == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.ended:
			return fmt.Errorf("postgres has ended, see its log: %s", s.logEnd())
		case <-ctx.Done():
			return fmt.Errorf("postgres does not serve: %w: %s", context.Cause(ctx), s.logEnd())
		}
	}
}

// DSN is where programs find a database of the server. The database "postgres" is there.
func (s *Server) DSN(database string) string {
	return "postgres://" + superuser + "@" + s.address + "/" + database + "?sslmode=disable"
}

// Log is the file of the server's log.
func (s *Server) Log() string { return filepath.Join(s.cfg.Dir, "postgres.log") }

func (s *Server) logEnd() string {
	const most = 2000
	b, err := os.ReadFile(s.Log())
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-most):])
}

// PID is the number of the server's process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Stop ends the server, and all its connections at once.
func (s *Server) Stop() {
	_ = s.cmd.Process.Signal(os.Interrupt) // "fast shutdown"
	select {
	case <-s.ended:
	case <-time.After(readyTimeout):
		s.Kill()
	}
}

// Kill ends the server's first process with SIGKILL; the others notice it and end.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.ended
	// They keep its shared memory, without which it does not start, for a moment.
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for range int(readyTimeout / pollInterval) {
		if !s.othersLive() {
			return
		}
		<-tick.C
	}
}

// othersLive reports whether processes of the server are left, who work in its data
// directory.
func (s *Server) othersLive() bool {
	list, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range list {
		if dir, err := os.Readlink(link); err == nil && dir == s.data() {
			if _, err := strconv.Atoi(filepath.Base(filepath.Dir(link))); err == nil {
				return true
			}
		}
	}
	return false
}

// command is one of PostgreSQL's programs, run by a user who may.
func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Dir = s.cfg.Dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	unprivileged(cmd)
	return cmd
}

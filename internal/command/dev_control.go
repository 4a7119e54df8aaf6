package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A running dev cluster listens on a unix socket in a directory of its user,
// beside a file that says which cluster it is. `dev kill` and `dev start` find
// it there, send one devRequest and read one devAnswer, each a line of JSON.

// devRequest asks a running dev cluster.
type devRequest struct {
	Op   string `json:"op"` // kill, start
	Node string `json:"node"`
}

// devAnswer answers it. Done or Error is set.
type devAnswer struct {
	Done  string   `json:"done,omitempty"`
	Node  *devNode `json:"node,omitempty"`
	Error string   `json:"error,omitempty"`
}

// devState is the file beside the socket.
type devState struct {
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Socket  string    `json:"socket"`
	Dir     string    `json:"dir"`
	Nodes   []devNode `json:"nodes"`
}

// devControlTimeout bounds reading a request, in either direction.
const devControlTimeout = 5 * time.Second

// devRegistry is the directory of this user's dev clusters. It must be the
// user's alone: whoever may write there may stop nodes.
func devRegistry() (string, error) {
	dir := filepath.Join(os.TempDir(), "eventnode-dev-"+strconv.Itoa(os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s must be a directory that only you can enter: remove it", dir)
	}
	return dir, nil
}

// control is the socket of a running dev cluster.
type control struct {
	listener net.Listener
	file     string
}

// close takes socket and file away.
func (c *control) close() {
	_ = os.Remove(c.file)
	_ = c.listener.Close() // removes the socket
}

// listen opens the socket and serves it until it is closed.
func (s *supervisor) listen(ctx context.Context) (*control, error) {
	registry, err := devRegistry()
	if err != nil {
		return nil, err
	}
	if other := findDev(registry, s.dir); s.keep && other != nil {
		return nil, fmt.Errorf("process %d runs a dev cluster with %s: stop it, or choose another --data", other.PID, s.dir)
	}
	file, err := os.CreateTemp(registry, "*.json")
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	socket := strings.TrimSuffix(file.Name(), ".json") + ".sock"
	listener, err := net.Listen("unix", socket)
	if err != nil {
		_ = os.Remove(file.Name())
		return nil, err
	}
	c := &control{listener: listener, file: file.Name()}
	if err := json.NewEncoder(file).Encode(devState{os.Getpid(), time.Now(), socket, s.dir, s.nodes}); err != nil {
		c.close()
		return nil, err
	}
	s.waiting.Go(func() { s.accept(ctx, listener) })
	return c, nil
}

// accept answers each connection until the listener is closed.
func (s *supervisor) accept(ctx context.Context, listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		s.waiting.Go(func() {
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(devControlTimeout))
			var request devRequest
			if json.NewDecoder(conn).Decode(&request) != nil {
				return
			}
			answer := s.answer(ctx, request)
			_ = conn.SetDeadline(time.Now().Add(devControlTimeout))
			_ = json.NewEncoder(conn).Encode(answer) // who asked may have gone
		})
	}
}

// answer passes a request to run and waits for what comes of it.
func (s *supervisor) answer(ctx context.Context, request devRequest) devAnswer {
	call := devCall{request, make(chan devReply, 1)}
	select {
	case s.requests <- call:
	case <-s.quit:
		return devAnswer{Error: "the dev cluster is stopping"}
	case <-ctx.Done():
		return devAnswer{Error: "the dev cluster is stopping"}
	}
	reply := <-call.reply
	if reply.err != nil {
		return devAnswer{Error: reply.err.Error()}
	}
	node := reply.child.node
	if request.Op == "kill" {
		<-reply.child.done
		return devAnswer{Done: node.Name + " was killed", Node: &node}
	}
	if err := s.awaitStarted(ctx, reply); err != nil {
		return devAnswer{Error: err.Error()}
	}
	return devAnswer{Done: node.Name + " was started: rpc " + node.RPC, Node: &node}
}

// awaitStarted waits until a started node is ready, or has ended.
func (s *supervisor) awaitStarted(ctx context.Context, reply devReply) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ready := make(chan error, 1)
	s.waiting.Go(func() { ready <- s.a.devReady(ctx, []devNode{reply.child.node}, reply.nodes) })
	select {
	case err := <-ready:
		return err
	case <-reply.child.done:
		return errors.New(reply.child.why())
	}
}

// findDev finds the running cluster of this user that keeps its data in dir, or
// with dir "" the one that was started last. Files of dead ones are removed.
func findDev(registry, dir string) *devState {
	files, _ := filepath.Glob(filepath.Join(registry, "*.json")) // the pattern is well formed
	var states []devState
	for _, file := range files {
		var s devState
		text, err := os.ReadFile(file)
		if err != nil || json.Unmarshal(text, &s) != nil {
			continue
		}
		conn, err := net.Dial("unix", s.Socket)
		if err != nil {
			_ = os.Remove(file)
			continue
		}
		_ = conn.Close()
		if dir == "" || s.Dir == dir {
			states = append(states, s)
		}
	}
	if len(states) == 0 {
		return nil
	}
	newest := slices.MaxFunc(states, func(x, y devState) int { return x.Started.Compare(y.Started) })
	return &newest
}

// devAsk sends a request to a running cluster.
func devAsk(ctx context.Context, data string, request devRequest) (devAnswer, error) {
	var answer devAnswer
	registry, err := devRegistry()
	if err != nil {
		return answer, err
	}
	if data != "" {
		if data, err = filepath.Abs(data); err != nil {
			return answer, err
		}
	}
	state := findDev(registry, data)
	if state == nil {
		return answer, errors.New("no dev cluster runs: start one with `eventnode dev` in another terminal")
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", state.Socket)
	if err != nil {
		return answer, err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if err := json.NewEncoder(conn).Encode(request); err != nil {
		return answer, err
	}
	if err := json.NewDecoder(conn).Decode(&answer); err != nil {
		return answer, fmt.Errorf("the dev cluster ended before it answered: %w", err)
	}
	if answer.Error != "" {
		return answer, errors.New(answer.Error)
	}
	return answer, nil
}

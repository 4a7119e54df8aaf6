// Package wire is a TCP proxy for tests: clients connect to it, it leads to wherever the
// test says, and it can be cut.
package wire

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Wire is such a proxy. Its methods may be called by several goroutines.
type Wire struct {
	listener net.Listener
	serving  sync.WaitGroup

	mu     sync.Mutex
	target string
	conns  []net.Conn
}

// New opens a wire, which leads nowhere, until the end of the test.
func New(t testing.TB) *Wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &Wire{listener: l}
	w.serving.Go(w.accept)
	t.Cleanup(func() {
		_ = l.Close()
		w.LeadTo("")
		w.Cut()
		w.serving.Wait()
	})
	return w
}

// Address is where clients connect, HOST:PORT.
func (w *Wire) Address() string { return w.listener.Addr().String() }

// LeadTo says where who connects from now on is led, HOST:PORT. Empty: nowhere, the
// connection ends at once.
func (w *Wire) LeadTo(target string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target = target
}

// Cut ends all connections without a word.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.conns = nil
}

func (w *Wire) accept() {
	for {
		in, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.serving.Go(func() { w.serve(in) })
	}
}

func (w *Wire) serve(in net.Conn) {
	out, err := w.join(in)
	if err != nil {
		_ = in.Close()
		return
	}
	pass := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_ = to.Close()
		_ = from.Close()
	}
	var back sync.WaitGroup
	back.Go(func() { pass(in, out) })
	pass(out, in)
	back.Wait()
}

// join leads a connection to where the wire leads now, in one step with Cut: none is left.
func (w *Wire) join(in net.Conn) (out net.Conn, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if out, err = net.Dial("tcp", w.target); err != nil {
		return nil, err
	}
	w.conns = append(w.conns, in, out)
	return out, nil
}

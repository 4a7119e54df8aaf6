package discordjs_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// wire is where clients are told to connect: it leads to a gateway, and can be cut.
type wire struct {
	listener net.Listener
	serving  sync.WaitGroup

	mu     sync.Mutex
	target string
	conns  []net.Conn
}

func newWire(t *testing.T) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l}
	w.serving.Go(w.accept)
	t.Cleanup(func() {
		_ = l.Close()
		w.cut()
		w.serving.Wait()
	})
	return w
}

func (w *wire) address() string { return w.listener.Addr().String() }

func (w *wire) accept() {
	for {
		in, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.mu.Lock()
		target := w.target
		w.mu.Unlock()
		w.serving.Go(func() { w.join(in, target) })
	}
}

// join passes on what two connections say, until one of them ends.
func (w *wire) join(in net.Conn, target string) {
	out, err := net.Dial("tcp", target)
	if err != nil {
		_ = in.Close()
		return
	}
	w.mu.Lock()
	w.conns = append(w.conns, in, out)
	w.mu.Unlock()
	var both sync.WaitGroup
	pass := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_ = to.Close()
		_ = from.Close()
	}
	both.Go(func() { pass(in, out) })
	both.Go(func() { pass(out, in) })
	both.Wait()
}

// leadTo says where who connects from now on is led.
func (w *wire) leadTo(target string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target = target
}

// cut ends all connections without a word.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.conns = nil
}

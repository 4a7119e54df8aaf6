package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
)

func TestDialFailsFastAndNamesTheAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b")
		w.stop("a")
		w.set("b", func(n *plainNode) { n.silent = true })
		start := time.Now()
		_, err := client.Dial(t.Context(), []string{"a", "b"}, client.WithDialer(w.dial))
		if !errors.Is(err, eventnode.ErrUnavailable) {
			t.Fatalf("err = %v, want ErrUnavailable", err)
		}
		var de *client.DialError
		if !errors.As(err, &de) || len(de.Addrs) != 2 || len(de.Errs) != 2 {
			t.Fatalf("err = %#v, want a *DialError with both addresses", err)
		}
		for _, want := range []string{"a: ", "connection refused", "b: ", "no answer: dial timeout"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not say %q", err, want)
			}
		}
		if d := time.Since(start); d != client.DefaultDialTimeout {
			t.Errorf("took %v, want %v", d, client.DefaultDialTimeout)
		}
		start = time.Now()
		if _, err := client.Dial(t.Context(), []string{"a"}, client.WithDialer(w.dial)); err == nil || time.Since(start) > 0 {
			t.Errorf("one address that refuses: %v after %v, want an error at once", err, time.Since(start))
		}
	})
}

func TestDialGarbageAddressAndNone(t *testing.T) {
	for _, addrs := range [][]string{nil, {}, {""}, {"a", ""}} {
		if _, err := client.Dial(t.Context(), addrs); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("Dial(%q) = %v, want ErrInvalidArgument", addrs, err)
		}
	}
	if _, err := client.Dial(t.Context(), []string{"no port"}); !errors.Is(err, eventnode.ErrUnavailable) {
		t.Errorf("Dial without port = %v, want ErrUnavailable", err)
	}
}

// A listener that does not speak HTTP/2 is no node.
func TestDialSomethingElse(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := lis.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("220 mail.example ESMTP\r\n"))
			_ = c.Close()
		}
	})
	defer wg.Wait()
	defer lis.Close()
	_, err = client.Dial(t.Context(), []string{lis.Addr().String()})
	if !errors.Is(err, eventnode.ErrUnavailable) || !strings.Contains(err.Error(), lis.Addr().String()) {
		t.Errorf("err = %v, want ErrUnavailable with the address", err)
	}
}

func TestDialSkipsTheDeadAndTheSilent(t *testing.T) {
	for range 8 { // begins with a random address
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, "a", "b", "c")
			w.stop("a")
			w.set("b", func(n *plainNode) { n.silent = true })
			start := time.Now()
			c := w.client([]string{"a", "b", "c"})
			if c.Addr() != "c" || time.Since(start) > 500*time.Millisecond {
				t.Errorf("connected to %q after %v, want c within 500ms", c.Addr(), time.Since(start))
			}
		})
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a")
		w.set("a", func(n *plainNode) { n.silent = true })
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := client.Dial(ctx, []string{"a"}, client.WithDialer(w.dial)); err == nil {
			t.Error("a silent node answered")
		}
		if d := time.Since(start); d != 100*time.Millisecond {
			t.Errorf("took %v, want 100ms", d)
		}
	})
}

func TestDialBeginsAnywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b", "c")
		seen := map[string]bool{}
		for range 100 {
			c, err := client.Dial(t.Context(), []string{"a", "b", "c"}, client.WithDialer(w.dial))
			if err != nil {
				t.Fatal(err)
			}
			seen[c.Addr()] = true
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if len(seen) != 3 {
			t.Errorf("100 clients began with %v only", seen)
		}
	})
}

// A client stays on its node until that is lost, and comes back by itself.
func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b", "c")
		c := w.client([]string{"a", "b", "c"})
		first := c.Addr()
		time.Sleep(time.Hour)
		if c.Addr() != first {
			t.Fatalf("went from %s to %s without a reason", first, c.Addr())
		}
		w.stop(first)
		eventually(t, "another node", func() bool { return c.Addr() != "" && c.Addr() != first })
		st, err := c.Status(t.Context())
		if err != nil || string(st.ID) != c.Addr() {
			t.Errorf("Status = %v, %v, want that of %s", st.ID, err, c.Addr())
		}
	})
}

// While there is no node calls wait for the dial timeout, then fail at once;
// the client goes on looking for ever.
func TestCallsWithoutANode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a")
		c := w.client([]string{"a"}, client.WithBackoff(time.Second, 10*time.Second))
		w.set("a", func(n *plainNode) { n.silent = true })
		lis := func() { w.mu.Lock(); srv := w.nodes["a"].srv; w.mu.Unlock(); srv.Stop() }
		lis()
		synctest.Wait()

		start := time.Now()
		if _, err := c.Status(t.Context()); !errors.Is(err, eventnode.ErrUnavailable) {
			t.Errorf("err = %v, want ErrUnavailable", err)
		}
		if d := time.Since(start); d > client.DefaultDialTimeout {
			t.Errorf("took %v, want at most %v", d, client.DefaultDialTimeout)
		}
		calls := map[string]func() error{
			"status":    func() error { _, err := c.Status(t.Context()); return err },
			"dispatch":  func() error { _, err := c.Dispatch(t.Context(), "topic:a", numberedEvent(1)); return err },
			"subscribe": func() error { _, err := c.Subscribe(t.Context(), []string{"topic:a"}); return err },
			"publisher": func() error { _, err := c.NewPublisher(t.Context()); return err },
			"member":    func() error { _, err := c.NewMember(t.Context(), 0); return err },
			"monitor":   func() error { _, err := c.Scope("").Monitor(t.Context(), "g"); return err },
			"broadcast": func() error { _, err := c.Scope("").Broadcast(t.Context(), "g", numberedEvent(1)); return err },
		}
		for name, call := range calls {
			start := time.Now()
			if err := call(); !errors.Is(err, eventnode.ErrUnavailable) || time.Since(start) != 0 {
				t.Errorf("%s: %v after %v, want ErrUnavailable at once", name, err, time.Since(start))
			}
		}
		time.Sleep(time.Hour)
		w.start("a")
		eventually(t, "connected again", func() bool { return c.Addr() == "a" })
		for name, call := range calls {
			if err := call(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestCallsEndWithTheirContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a")
		c := w.client([]string{"a"}, client.WithDialTimeout(time.Minute), client.WithWindow(1))
		pub := must[eventnode.PublisherCloser](t)(c.NewPublisher(t.Context()))
		w.set("a", func(n *plainNode) { n.silent = true })
		w.mu.Lock()
		srv := w.nodes["a"].srv
		w.mu.Unlock()
		srv.Stop()
		synctest.Wait()
		for name, call := range map[string]func(ctx context.Context) error{
			"status":    func(ctx context.Context) error { _, err := c.Status(ctx); return err },
			"dispatch":  func(ctx context.Context) error { _, err := c.Dispatch(ctx, "topic:a", numberedEvent(1)); return err },
			"publish":   func(ctx context.Context) error { _, err := pub.Dispatch(ctx, "topic:a", numberedEvent(1)); return err },
			"subscribe": func(ctx context.Context) error { _, err := c.Subscribe(ctx, []string{"topic:a"}); return err },
			"member":    func(ctx context.Context) error { _, err := c.NewMember(ctx, 0); return err },
			"monitor":   func(ctx context.Context) error { _, err := c.Scope("").Monitor(ctx, "g"); return err },
			"send one": func(ctx context.Context) error {
				_, err := c.Scope("").SendOne(ctx, "g", numberedEvent(1), eventnode.Pick{})
				return err
			},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			start := time.Now()
			err := call(ctx)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
				t.Errorf("%s: %v after %v, want DeadlineExceeded after 1s", name, err, time.Since(start))
			}
		}
	})
}

func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a")
		c := w.client([]string{"a"})
		pub := must[eventnode.PublisherCloser](t)(c.NewPublisher(t.Context()))
		sub := must[eventnode.Subscription](t)(c.Subscribe(t.Context(), []string{"topic:a"}))
		member := must[eventnode.Member](t)(c.NewMember(t.Context(), 0))
		monitor := must[eventnode.Monitor](t)(c.Scope("").MonitorScope(t.Context()))
		errs := make(chan error)
		waits := []func() error{
			func() error { _, err := sub.Receive(t.Context()); return err },
			func() error { _, err := member.Receive(t.Context()); return err },
			func() error { _, err := monitor.Next(t.Context()); return err },
		}
		for _, wait := range waits {
			go func() { errs <- wait() }()
		}
		synctest.Wait()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		for range waits {
			if err := <-errs; !errors.Is(err, eventnode.ErrClosed) {
				t.Errorf("waiting call: %v, want ErrClosed", err)
			}
		}
		_, err := pub.Dispatch(t.Context(), "topic:a", numberedEvent(1))
		if !errors.Is(err, eventnode.ErrClosed) {
			t.Errorf("Dispatch = %v, want ErrClosed", err)
		}
		if err := pub.Close(t.Context()); err != nil {
			t.Errorf("Close of the publisher = %v", err)
		}
		if _, err := c.Subscribe(t.Context(), []string{"topic:a"}); !errors.Is(err, eventnode.ErrClosed) {
			t.Errorf("Subscribe = %v, want ErrClosed", err)
		}
		if _, err := c.NewMember(t.Context(), 0); !errors.Is(err, eventnode.ErrClosed) {
			t.Errorf("NewMember = %v, want ErrClosed", err)
		}
		if err := errors.Join(sub.Close(), member.Close(), c.Close()); err != nil {
			t.Errorf("closing again: %v", err)
		}
	})
}

func TestClusterCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a")
		c := w.client([]string{"a"}, client.WithName("worker-1"))
		sub := must[eventnode.Subscription](t)(c.Subscribe(t.Context(), []string{"topic:a"}, eventnode.WithPolicy(eventnode.PolicyBlock)))
		defer sub.Close()
		nodes, err := c.Nodes(t.Context())
		if err != nil || len(nodes) != 1 || nodes[0].ID != "a" || nodes[0].State != "alive" || nodes[0].Link != "self" {
			t.Errorf("Nodes = %+v, %v", nodes, err)
		}
		subs, missing, err := c.Subscriptions(t.Context(), "topic:a")
		got := fmt.Sprintf("%+v %v %v", subs, missing, err)
		want := "[{Node:a Holder:worker-1 Topics:[topic:a] Policy:block QueuedEvents:0 QueuedBytes:0 Delivered:0 Dropped:0 QueueGroup:}] [elsewhere] <nil>"
		if got != want {
			t.Errorf("Subscriptions =\n%s\nwant\n%s", got, want)
		}
		if subs, _, err := c.Subscriptions(t.Context(), "topic:b"); len(subs) != 0 || err != nil {
			t.Errorf("Subscriptions of another topic = %v, %v", subs, err)
		}
		if !slices.Equal(sub.Missing(), []eventnode.NodeID{"elsewhere"}) || sub.Nodes() != 0 {
			t.Errorf("opened on %d, missing %v", sub.Nodes(), sub.Missing())
		}
	})
}

// A token does not travel to another machine in the clear, unless that is asked for; and
// no error quotes it.
func TestTokenNeedsTLS(t *testing.T) {
	for _, tt := range []struct {
		addr string
		opts []client.Option
		want error
	}{
		{"192.0.2.1:1", nil, eventnode.ErrInvalidArgument},
		{"name.example:1", nil, eventnode.ErrInvalidArgument},
		{"127.0.0.1:1", nil, eventnode.ErrUnavailable}, // it was dialled
		{"[::1]:1", nil, eventnode.ErrUnavailable},
		{"localhost:1", nil, eventnode.ErrUnavailable},
		{"name.example:1", []client.Option{client.WithTokenInClear()}, eventnode.ErrUnavailable},
		{"name.example:1", []client.Option{client.WithTLS(&tls.Config{})}, eventnode.ErrUnavailable},
		{"127.0.0.1:1", []client.Option{client.WithPerRPCCredentials(someCredentials{})}, eventnode.ErrInvalidArgument},
	} {
		opts := append([]client.Option{client.WithToken("secret"), client.WithDialer(func(context.Context, string) (net.Conn, error) {
			return nil, errors.New("nobody")
		})}, tt.opts...)
		_, err := client.Dial(t.Context(), []string{tt.addr}, opts...)
		if !errors.Is(err, tt.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: Dial = %v, want %v", tt.addr, err, tt.want)
		}
	}
}

// someCredentials are none that travel in the clear.
type someCredentials struct{}

func (someCredentials) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return nil, nil
}

func (someCredentials) RequireTransportSecurity() bool { return false }

package memnet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"
)

const (
	hostA = "10.0.0.1"
	hostB = "10.0.0.2"
	hostC = "10.0.0.3"
)

// pipes returns a network with a stream from A to B.
func pipes(t *testing.T, cfg Config) (n *Network, a, b net.Conn) {
	t.Helper()
	n = New(cfg)
	ln, err := n.Host(hostB).Listen(80)
	if err != nil {
		t.Fatal(err)
	}
	a = dial(t, n, hostA, hostB+":80")
	b, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return n, a, b
}

func dial(t *testing.T, n *Network, from, to string) net.Conn {
	t.Helper()
	c, err := n.Host(from).Dial(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustWrite(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func mustRead(t *testing.T, c net.Conn, want string) {
	t.Helper()
	buf := make([]byte, len(want))
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != want {
		t.Fatalf("read %q, %v; want %q", buf, err, want)
	}
}

// readWithin reads with a deadline.
func readWithin(c net.Conn, d time.Duration) (string, error) {
	if err := c.SetReadDeadline(time.Now().Add(d)); err != nil {
		return "", err
	}
	defer func() { _ = c.SetReadDeadline(time.Time{}) }()
	buf := make([]byte, 1024)
	n, err := c.Read(buf)
	return string(buf[:n]), err
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// The standard library's own conformance suite for net.Conn.
func TestConnConformance(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		n := New(Config{})
		ln, err := n.Host(hostB).Listen(80)
		if err != nil {
			return nil, nil, nil, err
		}
		a, err := n.Host(hostA).Dial(context.Background(), hostB+":80")
		if err != nil {
			return nil, nil, nil, err
		}
		b, err := ln.Accept()
		return a, b, n.Close, err
	})
}

func TestStreamCloseIsEOFAfterData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pipes(t, Config{})
		mustWrite(t, a, "last words")
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		mustRead(t, b, "last words")
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Fatalf("got %v, want EOF", err)
		}
		mustWrite(t, b, "nobody reads this")
		if _, err := b.Write([]byte("nor this")); !errors.Is(err, syscall.EPIPE) {
			t.Fatalf("got %v, want EPIPE", err)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("got %v, want ErrClosed", err)
		}
	})
}

func TestStreamHalfClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pipes(t, Config{})
		mustWrite(t, a, "request")
		if err := a.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(b); err != nil || string(got) != "request" {
			t.Fatalf("got %q, %v", got, err)
		}
		mustWrite(t, b, "answer")
		mustRead(t, a, "answer")
	})
}

func TestStreamWriterWaitsForReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pipes(t, Config{StreamBuffer: 1000})
		data := bytes.Repeat([]byte("0123456789"), 1000)
		wrote := make(chan int, 1)
		go func() {
			n, _ := a.Write(data)
			wrote <- n
		}()
		synctest.Wait()
		select {
		case n := <-wrote:
			t.Fatalf("write of %d bytes returned before anything was read", n)
		default:
		}
		got := make([]byte, len(data))
		if _, err := io.ReadFull(b, got); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("read: %v", err)
		}
		if n := <-wrote; n != len(data) {
			t.Fatalf("wrote %d of %d", n, len(data))
		}
	})
}

func TestCutStallsStreamUntilHealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := pipes(t, Config{})
		n.Cut(hostA, hostB)
		mustWrite(t, a, "late")
		mustWrite(t, b, "in time")
		mustRead(t, a, "in time")
		if _, err := readWithin(b, time.Minute); !isTimeout(err) {
			t.Fatalf("got %v, want a time-out", err)
		}
		n.Heal()
		mustRead(t, b, "late")
	})
}

// Where the way back is cut, data arrives but the window stays shut.
func TestCutOfAcksStopsTheWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := pipes(t, Config{StreamBuffer: 10})
		n.Cut(hostB, hostA)
		mustWrite(t, a, "0123456789")
		mustRead(t, b, "0123456789")
		_ = a.SetWriteDeadline(time.Now().Add(time.Minute))
		if _, err := a.Write([]byte("x")); !isTimeout(err) {
			t.Fatalf("got %v, want a time-out", err)
		}
		_ = a.SetWriteDeadline(time.Time{})
		n.Mend(hostB, hostA)
		mustWrite(t, a, "x")
		mustRead(t, b, "x")
	})
}

func TestDelayKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := pipes(t, Config{Seed: 7})
		n.Delay(Any, Any, 10*time.Millisecond, 50*time.Millisecond)
		start := time.Now()
		for s := range strings.SplitSeq("the order of a stream stays", " ") {
			mustWrite(t, a, s)
		}
		mustRead(t, b, "theorderofastreamstays")
		if took := time.Since(start); took < 10*time.Millisecond || took > 50*time.Millisecond {
			t.Fatalf("took %v", took)
		}
	})
}

func TestCrashResetsAndRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := pipes(t, Config{})
		old := n.Host(hostB)
		mustWrite(t, b, "read this first")
		n.Crash(hostB)
		mustRead(t, a, "read this first")
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("read: %v", err)
		}
		if _, err := a.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Fatalf("write: %v", err)
		}
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("the dead read: %v", err)
		}
		if _, err := n.Host(hostA).Dial(t.Context(), hostB+":80"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("dial: %v", err)
		}
		if _, err := old.Listen(80); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("the dead listened: %v", err)
		}
		if _, err := old.Dial(t.Context(), hostA+":80"); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("the dead dialled: %v", err)
		}
		if _, err := n.Host(hostB).Listen(80); err != nil {
			t.Fatalf("the next life: %v", err)
		}
		dial(t, n, hostA, hostB+":80")
	})
}

// A machine that dies behind a cut is noticed only when the cut is healed.
func TestCrashBehindCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, _ := pipes(t, Config{})
		n.Partition([]string{hostA}, []string{hostB})
		n.Crash(hostB)
		if _, err := readWithin(a, time.Minute); !isTimeout(err) {
			t.Fatalf("got %v, want a time-out", err)
		}
		n.Heal()
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("read: %v", err)
		}
	})
}

func TestPausedHostBuffersAndDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := pipes(t, Config{StreamBuffer: 100})
		n.Pause(hostB)
		if c, err := n.Host(hostA).Dial(t.Context(), hostB+":80"); err != nil {
			t.Fatalf("the kernel of a stopped process accepts: %v", err)
		} else {
			_ = c.Close()
		}
		mustWrite(t, a, "hello")
		_ = b.SetReadDeadline(time.Now().Add(time.Second))
		got := make(chan string, 1)
		go func() {
			buf := make([]byte, 100)
			k, err := b.Read(buf)
			got <- string(buf[:k])
			if k == 0 {
				t.Errorf("read: %v", err)
			}
		}()
		wrote := make(chan error, 1)
		go func() {
			_, err := b.Write([]byte("awake"))
			wrote <- err
		}()
		if _, err := readWithin(a, 500*time.Millisecond); !isTimeout(err) {
			t.Fatalf("a stopped host wrote: %v", err)
		}
		if len(got) > 0 || len(wrote) > 0 {
			t.Fatal("calls of a stopped host returned")
		}
		n.Resume(hostB)
		if s := <-got; s != "hello" {
			t.Fatalf("got %q", s)
		}
		mustRead(t, a, "awake")
	})
}

// What a stopped process closes is not seen by its peers before it goes on.
func TestPausedHostDoesNotClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := pipes(t, Config{})
		n.Pause(hostB)
		_ = b.Close()
		if _, err := readWithin(a, time.Minute); !isTimeout(err) {
			t.Fatalf("got %v, want a time-out", err)
		}
		n.Resume(hostB)
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Fatalf("got %v, want EOF", err)
		}
	})
}

func TestDial(t *testing.T) {
	for name, tc := range map[string]struct {
		to    string
		fault func(*Network)
		check func(error) bool
	}{
		"nobody listens": {hostB + ":81", func(*Network) {}, func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }},
		"cut there":      {hostB + ":80", func(n *Network) { n.Cut(hostA, hostB) }, isTimeout},
		"cut back":       {hostB + ":80", func(n *Network) { n.Cut(hostB, hostA) }, isTimeout},
		"parted":         {hostB + ":80", func(n *Network) { n.Partition([]string{hostA}) }, isTimeout},
		"no such host":   {hostC + ":80", func(*Network) {}, isTimeout},
		"bad port":       {hostB + ":http", func(*Network) {}, func(err error) bool { return err != nil }},
		"no port":        {hostB, func(*Network) {}, func(err error) bool { return err != nil }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := New(Config{})
				if _, err := n.Host(hostB).Listen(80); err != nil {
					t.Fatal(err)
				}
				tc.fault(n)
				start := time.Now()
				_, err := n.Host(hostA).Dial(t.Context(), tc.to)
				if !tc.check(err) || time.Since(start) > 3*time.Second {
					t.Fatalf("after %v: %v", time.Since(start), err)
				}
			})
		})
	}
}

func TestDialContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{})
		h := n.Host(hostA)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := h.Dial(ctx, hostB+":80"); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Fatalf("after %v: %v", time.Since(start), err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		cancel()
		if _, err := h.Dial(ctx, hostB+":80"); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	})
}

// A dial that waits at a cut goes on when the cut is healed.
func TestDialSucceedsAfterHeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{})
		ln, _ := n.Host(hostB).Listen(80)
		n.Partition([]string{hostA}, []string{hostB})
		time.AfterFunc(2*time.Second, n.Heal)
		c := dial(t, n, hostA, hostB+":80")
		b, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		mustWrite(t, c, "x")
		mustRead(t, b, "x")
	})
}

func TestDialWaitsForBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{})
		ln, _ := n.Host(hostB).Listen(80)
		for range backlog {
			dial(t, n, hostA, hostB+":80")
		}
		if _, err := n.Host(hostA).Dial(t.Context(), hostB+":80"); !isTimeout(err) {
			t.Fatalf("full backlog: %v", err)
		}
		time.AfterFunc(time.Second, func() { _, _ = ln.Accept() })
		dial(t, n, hostA, hostB+":80")
	})
}

func TestLoopbackIsTheHostItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{})
		_, _ = n.Host("fd00::1").Listen(80)
		n.Partition([]string{"fd00::1"}, []string{hostA})
		dial(t, n, "fd00::1", "[::1]:80")
		dial(t, n, "fd00::1", "[fd00:0::1]:80")
	})
}

func TestListenerCloseResetsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{})
		ln, _ := n.Host(hostB).Listen(80)
		if _, err := n.Host(hostB).Listen(80); !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
		c := dial(t, n, hostA, hostB+":80")
		_ = ln.Close()
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatal(err)
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
	})
}

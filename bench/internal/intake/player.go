package intake

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"golang.org/x/sys/unix"
)

// identify is in what a client says when it wants a session.
var identify = []byte(`"op":2`)

// greet is the beginning of a session: the handshake, HELLO, and what the client says until
// it has identified itself.
func greet(conn net.Conn, hello []byte) error {
	if _, err := ws.Upgrade(conn); err != nil {
		return fmt.Errorf("upgrade: %w", err)
	}
	if _, err := conn.Write(hello); err != nil {
		return err
	}
	for {
		said, err := wsutil.ReadClientText(conn)
		if err != nil {
			return fmt.Errorf("wait for IDENTIFY: %w", err)
		}
		if bytes.Contains(said, identify) {
			return nil
		}
	}
}

// play sends a recording to whom asks for it over a connection, and reads what else he says
// until he closes.
func (r recording) play(conn net.Conn) error {
	defer conn.Close()
	f, err := os.Open(r.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	hello := make([]byte, r.Hello)
	if _, err := io.ReadFull(f, hello); err != nil {
		return err
	}
	if err := greet(conn, hello); err != nil {
		return err
	}
	if _, err := io.Copy(conn, f); err != nil { // from file to socket, in the kernel
		return err
	}
	_, _ = io.Copy(io.Discard, conn)
	return nil
}

// server is the process that plays a recording to one client after another.
func server(ctx context.Context, cfg serverConfig, p process) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	go func() { // until the listener closes, which is with the process
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if err := cfg.Recording.play(conn); err != nil {
				fmt.Fprintln(os.Stderr, "play:", err)
			}
		}
	}()
	if err := p.out.Encode(serverReady{"ws://" + l.Addr().String()}); err != nil {
		return err
	}
	_, err = p.in.Token() // the end
	return err
}

// mapped is a recording in memory that is not of the heap: there it would have the garbage
// collected less often. It stays until the process ends.
type mapped struct {
	recording
	bytes []byte
}

// open maps a recording.
func (r recording) open() (*mapped, error) {
	f, err := os.Open(r.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := unix.Mmap(int(f.Fd()), 0, int(r.End), unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", r.Path, err)
	}
	return &mapped{r, b}, nil
}

// dial is a connection to the recording itself: what is read is copied out of it, and
// nothing else is between the two.
func (m *mapped) dial() net.Conn {
	client, recorder := inMemory()
	go func() { // until the client closes
		defer recorder.Close()
		if greet(recorder, m.bytes[:m.Hello]) != nil {
			return
		}
		if _, err := recorder.Write(m.bytes[m.Hello:]); err == nil {
			_, _ = io.Copy(io.Discard, recorder)
		}
	}()
	return client
}

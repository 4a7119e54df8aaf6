package jsonws

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"go.uber.org/goleak"

	"github.com/eventnode/eventnode/source"
	"github.com/eventnode/eventnode/source/sourcetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// otherSide is a server to which sources connect.
type otherSide struct {
	server *httptest.Server
	t      testing.TB
	status int // of its answers, if it takes no connections

	mu       sync.Mutex
	conn     net.Conn // the newest one; nil: none
	changed  chan struct{}
	requests []*http.Request
	said     []string // by the source
	pings    int
	wg       sync.WaitGroup
	writing  sync.Mutex
	last     int // number that was written
}

func serve(t testing.TB) *otherSide {
	o := &otherSide{t: t, changed: make(chan struct{})}
	o.server = httptest.NewServer(o)
	t.Cleanup(o.close)
	return o
}

func (o *otherSide) url() string { return "ws" + strings.TrimPrefix(o.server.URL, "http") }

// ServeHTTP takes a connection.
func (o *otherSide) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	status := o.status
	o.requests = append(o.requests, r)
	o.mu.Unlock()
	if status != 0 {
		w.WriteHeader(status)
		return
	}
	conn, early, _, err := ws.UpgradeHTTP(r, w)
	if err != nil {
		o.t.Error(err)
		return
	}
	o.change(func() { o.conn = conn })
	o.wg.Go(func() { o.listen(early) })
}

// change changes something that others wait for.
func (o *otherSide) change(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f()
	close(o.changed)
	o.changed = make(chan struct{})
}

// listen notes what the source says.
func (o *otherSide) listen(from io.Reader) {
	for {
		h, err := ws.ReadHeader(from)
		if err != nil {
			return
		}
		data := make([]byte, h.Length)
		if _, err := io.ReadFull(from, data); err != nil {
			return
		}
		ws.Cipher(data, h.Mask, 0)
		o.change(func() {
			switch h.OpCode {
			case ws.OpText:
				o.said = append(o.said, string(data))
			case ws.OpPing:
				o.pings++
			case ws.OpPong:
				o.said = append(o.said, "pong "+string(data))
			case ws.OpClose:
				o.said = append(o.said, "close")
			default:
				o.said = append(o.said, "something else")
			}
		})
	}
}

// until waits until something holds.
func (o *otherSide) until(ctx context.Context, holds func() bool) error {
	for {
		o.mu.Lock()
		ok, changed := holds(), o.changed
		o.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// connection is the newest one.
func (o *otherSide) connection(ctx context.Context) (conn net.Conn, err error) {
	err = o.until(ctx, func() bool { conn = o.conn; return conn != nil })
	return conn, err
}

// frame sends frames.
func (o *otherSide) frame(ctx context.Context, frames ...ws.Frame) error {
	o.writing.Lock()
	defer o.writing.Unlock()
	return o.write(ctx, frames...)
}

func (o *otherSide) write(ctx context.Context, frames ...ws.Frame) error {
	conn, err := o.connection(ctx)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	for _, f := range frames {
		if err := ws.WriteFrame(conn, f); err != nil {
			return err
		}
	}
	return nil
}

// say says a number, as the next one of the sequence.
func (o *otherSide) say(ctx context.Context, n, padding int) error {
	o.writing.Lock()
	defer o.writing.Unlock()
	o.last++
	data, err := json.Marshal(numbered{sourcetest.EventName, n, o.last, strings.Repeat("x", padding)})
	return errors.Join(err, o.write(ctx, ws.NewTextFrame(data)))
}

func (o *otherSide) text(ctx context.Context, text string) error {
	return o.frame(ctx, ws.NewTextFrame([]byte(text)))
}

// cut ends the connection without a word.
func (o *otherSide) cut(ctx context.Context) error {
	conn, err := o.connection(ctx)
	if err != nil {
		return err
	}
	o.change(func() { o.conn = nil })
	return conn.Close()
}

// bye closes the connection with a code, and takes no others if status is not 0.
func (o *otherSide) bye(ctx context.Context, code ws.StatusCode, status int) error {
	o.change(func() { o.status = status })
	err := o.frame(ctx, ws.NewCloseFrame(ws.NewCloseFrameBody(code, "bye")))
	return errors.Join(err, o.cut(ctx))
}

func (o *otherSide) close() {
	o.mu.Lock()
	conn := o.conn
	o.mu.Unlock()
	if conn != nil {
		_ = conn.Close()
	}
	o.server.Close()
	o.wg.Wait()
}

// numbered is what a number looks like.
type numbered struct {
	Type    string `json:"type"`
	N       int    `json:"n"`
	Seq     int    `json:"seq"`
	Padding string `json:"padding,omitempty"`
}

func newSource(t testing.TB, cfg Config) *Source {
	t.Helper()
	if cfg.Name == "" {
		cfg.Name = "feed"
	}
	if cfg.MinWait == 0 {
		cfg.MinWait, cfg.MaxWait = time.Millisecond, 20*time.Millisecond
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The source passes the tests of all sources, over real sockets.
func TestConformance(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		o := serve(t)
		return sourcetest.Subject{
			Source: newSource(t, Config{URL: o.url(), NameField: "type", SeqField: "seq"}),
			Say:    o.say,
			Number: number,
			Garble: func(ctx context.Context) error {
				return errors.Join(o.text(ctx, `{"half":`), o.text(ctx, "\xff\xfe"), o.text(ctx, `[]`), o.text(ctx, `{"type":7}`), o.text(ctx, ``),
					o.text(ctx, `"`+strings.Repeat("long", 1<<20)+`"`))
			},
			Fail: func() {
				if err := o.bye(t.Context(), ws.StatusPolicyViolation, http.StatusForbidden); err != nil {
					t.Error(err)
				}
			},
			Close: o.close,
		}
	})
}

func number(p source.Payload) (int, error) {
	var n numbered
	err := json.Unmarshal(p.Data, &n)
	return n.N, err
}

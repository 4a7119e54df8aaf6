package portmux

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

// other is a second protocol whose preface shares its first byte with HTTP/2's.
func other() Protocol { return Protocol{Name: "other", Preface: []byte("PXother"), ALPN: "other"} }

func start(t *testing.T, cfg Config) (addr string, http2, second net.Listener, refused chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusals := make(chan error, 16)
	cfg.Refused = func(_ net.Addr, err error) { refusals <- err }
	m := New(cfg)
	http2 = m.Register(HTTP2(), l.Addr())
	second = m.Register(other(), l.Addr())
	_ = m.Register(Protocol{Name: "mutual", Preface: []byte("M"), ALPN: "mutual", Mutual: true}, l.Addr())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		goleak.VerifyNone(t)
	})
	return l.Addr().String(), http2, second, refusals
}

func TestFirstBytesChooseTheListenerAndAreReadAgain(t *testing.T) {
	addr, http2, second, _ := start(t, Config{})
	for _, tc := range []struct {
		listener net.Listener
		say      string
	}{
		{http2, string(HTTP2().Preface) + "frames"},
		{second, "PXother and more"},
	} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(tc.say) { // byte by byte: prefixes must not confuse it
			if _, err := conn.Write([]byte{tc.say[i]}); err != nil {
				t.Fatal(err)
			}
		}
		_ = conn.Close()
		got, err := tc.listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(got)
		if err != nil || string(all) != tc.say {
			t.Errorf("read %q, %v; want %q", all, err, tc.say)
		}
		_ = got.Close()
	}
}

func TestGarbageIsClosedAndTold(t *testing.T) {
	addr, _, _, refused := start(t, Config{})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := <-refused; !errors.Is(err, ErrUnknownProtocol) {
		t.Errorf("refused with %v", err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still open")
	}
}

func TestSilenceIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		m := New(Config{SniffTimeout: time.Second})
		m.Register(HTTP2(), server.LocalAddr())
		begin := time.Now()
		m.sort(t.Context(), server)
		if took := time.Since(begin); took != time.Second {
			t.Errorf("closed after %v", took)
		}
		if _, err := client.Read(make([]byte, 1)); err == nil {
			t.Error("the connection is still open")
		}
	})
}

func TestALPNChoosesTheListener(t *testing.T) {
	cert := certificate(t)
	secure := &tls.Config{Certificates: []tls.Certificate{cert}}
	addr, http2, second, refused := start(t, Config{TLS: func() *tls.Config { return secure }})
	for _, tc := range []struct {
		alpn     string
		listener net.Listener
	}{{"h2", http2}, {"other", second}} {
		go func() {
			conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{tc.alpn}})
			if err == nil {
				_, _ = conn.Write([]byte(tc.alpn))
				_ = conn.Close()
			}
		}()
		conn, err := tc.listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		all, _ := io.ReadAll(conn)
		if string(all) != tc.alpn {
			t.Errorf("read %q, want %q", all, tc.alpn)
		}
		_, info, err := Credentials().ServerHandshake(conn)
		if err != nil || info.AuthType() != "tls" {
			t.Errorf("auth info %v, %v", info, err)
		}
		_ = conn.Close()
	}
	mutual, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"mutual"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mutual.Close() }()
	if err := <-refused; !errors.Is(err, ErrNoCertificate) { // where both ends must have one
		t.Errorf("without a certificate: %v", err)
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write(HTTP2().Preface); err != nil { // in the clear where TLS is required
		t.Fatal(err)
	}
	if err := <-refused; err == nil {
		t.Error("a connection in the clear was accepted")
	}
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Who connects only to see whether somebody listens is no news; who says half a word
// is.
func TestAWordlessConnectionIsNotTold(t *testing.T) {
	addr, _, _, refused := start(t, Config{})
	for _, say := range []string{"", "PX"} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, say); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	if err := <-refused; !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("told of %v", err)
	}
	select {
	case err := <-refused:
		t.Errorf("told of %v besides", err)
	default:
	}
}

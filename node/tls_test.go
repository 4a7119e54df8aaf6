package node_test

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/eventnode/eventnode/node"
	"github.com/eventnode/eventnode/streams"
)

// logged is a log that is read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

// Under TLS a connection of Raft needs a certificate, too, before it says anything.
func TestRaftNeedsACertificate(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t)
	log := &logged{}
	n := start(t, node.Config{ID: "n1", DataDir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(log, nil)), TLS: &node.TLS{
		Server: &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: ca.pool},
		Client: &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: ca.pool},
	}})
	conn, err := tls.Dial("tcp", n.RPCAddress(), &tls.Config{RootCAs: ca.pool, NextProtos: []string{streams.Protocol().ALPN}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("a replica without a certificate is served")
	}
	eventually(t, "the refusal is logged", func() bool { return log.has("no certificate of the other end: raft") })
}

package discordjs_test

import (
	"encoding/pem"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tlsProxy takes HTTPS for a gateway, and returns its port and a file with its certificate.
func tlsProxy(t *testing.T, target string) (port, certificate string) {
	t.Helper()
	s := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: target}))
	t.Cleanup(s.Close)
	certificate = filepath.Join(t.TempDir(), "certificate.pem")
	if err := os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ = strings.Cut(s.Listener.Addr().String(), ":")
	return port, certificate
}

// Eris, with the whole stream compressed, gets what is dispatched on three nodes, and misses
// nothing when it is cut off while events keep coming.
func testEris(t *testing.T, w *world) {
	before := len(w.said())
	n1, n2, n3 := w.nodes[0], w.nodes[1], w.nodes[2]
	port, certificate := tlsProxy(t, n2.Gateway)
	p := run(t, nil, "eris.js", port, certificate, "eve")
	if ready := p.says("ready"); len(ready.Guilds) != 1 || !ready.Compressed {
		t.Errorf("%+v", ready)
	}
	for range 2 {
		stop := w.talk(false, n1, n2, n3)
		p.has(p.next(before + 50))
		w.wire.Cut()
		p.says("resumed")
		p.has(stop())
		p.hasAll(w.said()[before:], "cut")
	}
}

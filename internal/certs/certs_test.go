package certs_test

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode/internal/certs"
	"github.com/eventnode/eventnode/internal/certs/certstest"
)

// What would not work between nodes is refused when it is read, and the error says what is
// wrong and quotes no key.
func TestParseRefusesWhatWouldNotWork(t *testing.T) {
	ca, other := certstest.New(t), certstest.New(t)
	cert, key := ca.Issue(t, []string{"127.0.0.1"})
	_, otherKey := ca.Issue(t, []string{"127.0.0.1"})
	half, halfKey := ca.Issue(t, []string{"127.0.0.1"}, x509.ExtKeyUsageServerAuth)
	for _, c := range []struct {
		name          string
		at            time.Time
		cert, key, ca []byte
		want          string
	}{
		{"right", time.Now(), cert, key, ca.PEM, ""},
		{"another key", time.Now(), cert, otherKey, ca.PEM, "certificate and key: tls: private key does not match"},
		{"another signer", time.Now(), cert, key, other.PEM, "nodes that trust these signers will not take it"},
		{"two signers", time.Now(), cert, key, append(append([]byte{}, other.PEM...), ca.PEM...), ""},
		{"over", time.Now().Add(2 * time.Hour), cert, key, ca.PEM, "expired or is not yet valid"},
		{"for servers only", time.Now(), half, halfKey, ca.PEM, "good for both ends"},
		{"no signer", time.Now(), cert, key, nil, "signers: there is no certificate"},
		{"a key among the signers", time.Now(), cert, key, key, `a block "PRIVATE KEY"`},
		{"nothing", time.Now(), nil, key, ca.PEM, "certificate and key: "},
	} {
		pair, err := certs.Parse(c.at, "", c.cert, c.key, c.ca)
		switch {
		case c.want == "" && (err != nil || pair.Until.Before(c.at)):
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		case err != nil && strings.Contains(err.Error(), "PRIVATE KEY-----"):
			t.Errorf("%s: the error quotes a key", c.name)
		}
	}
}

// No text makes the decoders panic.
func FuzzParse(f *testing.F) {
	ca := certstest.New(f)
	cert, key := ca.Issue(f, []string{"127.0.0.1"})
	f.Add(cert, key, ca.PEM)
	f.Add(cert, key, append(append([]byte{}, ca.PEM...), ca.PEM...))
	f.Add([]byte("-----BEGIN X-----\n-----END X-----\n"), []byte{}, []byte("\n"))
	f.Fuzz(func(t *testing.T, cert, key, ca []byte) {
		pair, err := certs.Parse(time.Now(), "", cert, key, ca)
		if err == nil && (pair.Server == nil || pair.Client == nil) {
			t.Fatal("half a pair")
		}
	})
}

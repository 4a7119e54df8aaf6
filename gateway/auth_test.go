package gateway_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/sessions"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// is checks who a token is of; nobody: it is not good.
func is(t *testing.T, a gateway.Authenticator, token string, want gateway.Principal) {
	t.Helper()
	got, err := a.Authenticate(t.Context(), token)
	if got != want || (want == gateway.Principal{}) != errors.Is(err, eventnode.ErrUnauthenticated) || (err == nil) == (want == gateway.Principal{}) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

// A token file says whose each token is. It is read again when it has changed; while it is
// bad what was there holds, and what was not is refused with the reason.
func TestTokenFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // for the second between two looks
		path := write(t, filepath.Join(t.TempDir(), "tokens"), "# who\n\nsecret-a 81384788765712384\n  Bot-x 5 bot\n")
		a, err := gateway.NewTokenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		is(t, a, "secret-a", gateway.Principal{User: 81384788765712384})
		is(t, a, "Bot-x", gateway.Principal{User: 5, Bot: true})
		for _, bad := range []string{"", "secret", "secret-a ", "#", "81384788765712384"} {
			is(t, a, bad, gateway.Principal{})
		}
		write(t, path, "secret-b 6\n")
		time.Sleep(time.Second)
		is(t, a, "secret-a", gateway.Principal{})
		is(t, a, "secret-b", gateway.Principal{User: 6})
		write(t, path, "secret-c nobody\n")
		time.Sleep(time.Second)
		is(t, a, "secret-b", gateway.Principal{User: 6})
		if _, err := a.Authenticate(t.Context(), "secret-c"); err == nil || errors.Is(err, eventnode.ErrUnauthenticated) || !strings.Contains(err.Error(), "line 1") || strings.Contains(err.Error(), "secret") {
			t.Error(err)
		}
		write(t, path, "secret-c 7")
		time.Sleep(time.Second)
		is(t, a, "secret-c", gateway.Principal{User: 7})
	})
}

// What is no token file is refused, with the line and without the token.
func TestBadTokenFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := gateway.NewTokenFile(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	for _, text := range []string{"s3cret", "\ns3cret x", "s3cret 0", "s3cret 5 human", "s3cret 5 bot bot", "s3cret 1\ns3cret 2", "s3cret " + strings.Repeat("1", 70_000)} {
		_, err := gateway.NewTokenFile(write(t, filepath.Join(dir, "tokens"), text))
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%.30q: %v", text, err)
		}
	}
	_, err := gateway.NewTokenFile(write(t, filepath.Join(dir, "tokens"), strings.Repeat("#", 16<<20+1)))
	if !errors.Is(err, eventnode.ErrLimit) {
		t.Error(err)
	}
}

// publicPEM is a public key as a file has it.
func publicPEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// Signed tokens hold with each kind of key: signed by that key with its algorithm, not over,
// and of a user.
func TestJWT(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, otherKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.Repeat("k", 32)
	dir := t.TempDir()
	sign := func(method jwt.SigningMethod, key any, change jwt.MapClaims) string {
		t.Helper()
		claims := jwt.MapClaims{"sub": "1001", "exp": time.Now().Add(time.Hour).Unix(), "iss": "us", "aud": "chat"}
		for k, v := range change {
			if claims[k] = v; v == nil {
				delete(claims, k)
			}
		}
		token, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	both := publicPEM(t, &rsaKey.PublicKey) + publicPEM(t, edPublic)
	for _, c := range []struct {
		file   string
		method jwt.SigningMethod
		key    any
	}{
		{secret + "\n", jwt.SigningMethodHS256, []byte(secret)},
		{both, jwt.SigningMethodRS256, rsaKey}, {both, jwt.SigningMethodEdDSA, edKey},
	} {
		a, err := gateway.NewJWT(gateway.JWTConfig{KeyFile: write(t, filepath.Join(dir, "key"), c.file), Issuer: "us", Audience: "chat"})
		if err != nil {
			t.Fatal(err)
		}
		is(t, a, sign(c.method, c.key, nil), gateway.Principal{User: 1001})
		is(t, a, sign(c.method, c.key, jwt.MapClaims{"bot": true}), gateway.Principal{User: 1001, Bot: true})
		for _, bad := range []jwt.MapClaims{
			{"exp": nil}, {"exp": time.Now().Add(-time.Hour).Unix()}, {"nbf": time.Now().Add(time.Hour).Unix()},
			{"sub": nil}, {"sub": "alice"}, {"sub": "0"}, {"iss": "them"}, {"aud": "mail"}, {"bot": "yes"},
		} {
			is(t, a, sign(c.method, c.key, bad), gateway.Principal{})
		}
		good := sign(c.method, c.key, nil)
		for _, bad := range []string{
			"", "x", good[:len(good)-4] + "AAAA", strings.Repeat("x", 5000),
			sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil),
			sign(jwt.SigningMethodHS256, []byte(c.file), nil), // the public key as a secret
			sign(jwt.SigningMethodHS512, []byte(secret), nil), // another algorithm
			sign(jwt.SigningMethodEdDSA, otherKey, nil),       // another key
		} {
			is(t, a, bad, gateway.Principal{})
		}
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "short", publicPEM(t, &ec.PublicKey), "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"} {
		if _, err := gateway.NewJWT(gateway.JWTConfig{KeyFile: write(t, filepath.Join(dir, "key"), bad)}); err == nil {
			t.Errorf("%.40q is a key", bad)
		}
	}
}

// Bad configurations say what is wrong.
func TestConfig(t *testing.T) {
	w := newWorld(t, sessions.Config{})
	good := gateway.Config{Backend: w.Backend, Authenticator: gatewayNobody{}}
	for _, change := range []func(*gateway.Config){
		func(c *gateway.Config) { c.Backend = nil },
		func(c *gateway.Config) { c.Authenticator = nil },
		func(c *gateway.Config) { c.HeartbeatInterval = -1 },
		func(c *gateway.Config) { c.MaxPayload = -1 },
		func(c *gateway.Config) { c.PublicURL = "gateway.example.com" },
		func(c *gateway.Config) { c.PublicURL = "https://gateway.example.com" },
	} {
		bad := good
		change(&bad)
		if _, err := gateway.New(bad); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Error(err)
		}
	}
	if _, err := gateway.New(good); err != nil {
		t.Error(err)
	}
}

type gatewayNobody struct{ gateway.Authenticator }

// FuzzTokenFile: any file is tokens, or an error that quotes none of it.
func FuzzTokenFile(f *testing.F) {
	for _, s := range []string{"a 1\nb 2 bot\n", "# x\n", "a", "a b c d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path := write(t, filepath.Join(t.TempDir(), "tokens"), text)
		_, err := gateway.NewTokenFile(path)
		if err == nil {
			return
		}
		for word := range strings.FieldsSeq(text) {
			if len(word) > 12 && strings.Contains(err.Error(), word) && word != path {
				t.Errorf("%v quotes %q", err, word)
			}
		}
	})
}

package client

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/eventnode/eventnode"
)

// bearer is a token as credentials of the calls of one connection.
type bearer struct {
	token  func() (string, error)
	secure bool
}

var _ credentials.PerRPCCredentials = bearer{}

// bearer returns what sends the token to addr, nil if there is no token, or why it may
// not go there.
func (o *options) bearer(addr string) (credentials.PerRPCCredentials, error) {
	switch {
	case o.token == nil:
		return nil, nil
	case o.clear() && !o.tokenInClear && !isLoopback(addr):
		return nil, fmt.Errorf("%w: %w", ErrTokenInClear, eventnode.ErrInvalidArgument)
	}
	return bearer{token: o.token, secure: !o.clear()}, nil
}

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	token, err := b.token()
	if err != nil {
		return nil, status.Error(codes.Unauthenticated, err.Error())
	}
	return map[string]string{"authorization": "Bearer " + token}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials: gRPC then refuses
// what is not secured, too.
func (b bearer) RequireTransportSecurity() bool { return b.secure }

// isLoopback reports whether a HOST:PORT is on this machine.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

const (
	// maxTokenBytes bounds a token.
	maxTokenBytes = 4096
	// tokenLook is how often a file is looked at, at most.
	tokenLook = time.Second
)

// tokenFile is a file with a token.
type tokenFile struct {
	path string

	mu     sync.Mutex
	looked time.Time
	info   os.FileInfo // of what was read
	last   string      // ""; nothing was read yet
}

func newTokenFile(path string) *tokenFile { return &tokenFile{path: path} }

// token is the token. A file that became unreadable, or no token, changes nothing: the
// one from before may still be good.
func (f *tokenFile) token() (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if f.last != "" && now.Sub(f.looked) < tokenLook {
		return f.last, nil
	}
	f.looked = now
	info, err := os.Stat(f.path)
	if err == nil && f.info != nil && os.SameFile(f.info, info) && info.ModTime().Equal(f.info.ModTime()) && info.Size() == f.info.Size() {
		return f.last, nil
	}
	var token string
	if err == nil {
		token, err = readToken(f.path)
	}
	if err == nil {
		f.info, f.last = info, token
	} else if f.last == "" {
		return "", err
	}
	return f.last, nil
}

// readToken reads a file with one line. Its errors do not quote it.
func readToken(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	token, err := parseToken(text)
	if err != nil {
		return "", fmt.Errorf("token file %s: %w", path, err)
	}
	return token, nil
}

// parseToken takes one line of what a header may hold (RFC 6750, b64token, and a little
// more).
func parseToken(text []byte) (string, error) {
	token := strings.TrimSpace(string(text))
	if token == "" || len(token) > maxTokenBytes || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("it must hold one line, the token: at most %d letters, digits and signs of ASCII: %w", maxTokenBytes, eventnode.ErrInvalidArgument)
	}
	return token, nil
}

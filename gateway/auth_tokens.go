package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/sessions"
)

// maxTokenFile bounds a token file, in bytes.
const maxTokenFile = 16 << 20

// lookEvery is how often a token file is looked at for changes.
const lookEvery = time.Second

// TokenFile is an Authenticator by a file of tokens: one a line, with the user's id, and
// the word bot if it is one. What follows a # at the beginning of a line is a comment.
//
//	# who             user
//	s3cret-of-alice   81384788765712384
//	s3cret-of-a-bot   175928847299117063 bot
//
// The file is read again when it has changed, at most once a second. While it cannot be
// read, or has a bad line, the tokens from before hold, and what is not among them is
// refused with the reason. Only hashes of the tokens are kept.
type TokenFile struct {
	path string

	mu     sync.Mutex
	looked time.Time
	seen   os.FileInfo // of what was read
	tokens map[[sha256.Size]byte]Principal
	bad    error // what is wrong with the file now
}

// NewTokenFile reads a file of tokens.
func NewTokenFile(path string) (*TokenFile, error) {
	t := &TokenFile{path: path}
	if t.read(); t.bad != nil {
		return nil, t.bad
	}
	return t, nil
}

// Authenticate implements Authenticator.
func (t *TokenFile) Authenticate(_ context.Context, token string) (Principal, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); now.Sub(t.looked) >= lookEvery {
		t.looked = now
		t.look()
	}
	p, ok := t.tokens[sha256.Sum256([]byte(token))]
	switch {
	case ok:
		return p, nil
	case t.bad != nil:
		return Principal{}, t.bad
	default:
		return Principal{}, eventnode.ErrUnauthenticated
	}
}

// look reads the file if it is another one than before, or could not be read.
func (t *TokenFile) look() {
	now, err := os.Stat(t.path)
	if err == nil && t.bad == nil && os.SameFile(now, t.seen) && now.Size() == t.seen.Size() && now.ModTime().Equal(t.seen.ModTime()) {
		return
	}
	t.read()
}

func (t *TokenFile) read() {
	f, err := os.Open(t.path)
	if err != nil {
		t.bad = fmt.Errorf("token file: %w", err)
		return
	}
	defer f.Close()
	seen, err := f.Stat()
	if err != nil {
		t.bad = fmt.Errorf("token file: %w", err)
		return
	}
	tokens, err := parseTokens(f)
	if err != nil {
		t.bad = fmt.Errorf("token file %s: %w", t.path, err)
		return
	}
	t.seen, t.tokens, t.bad = seen, tokens, nil
}

// parseTokens reads lines of tokens. Its errors name lines, and do not quote them.
func parseTokens(r io.Reader) (map[[sha256.Size]byte]Principal, error) {
	all, err := io.ReadAll(io.LimitReader(r, maxTokenFile+1))
	if err != nil {
		return nil, err
	}
	if len(all) > maxTokenFile {
		return nil, &eventnode.LimitError{Limit: "max_token_file_bytes", Max: maxTokenFile}
	}
	tokens := map[[sha256.Size]byte]Principal{}
	lines := bufio.NewScanner(bytes.NewReader(all))
	for n := 1; lines.Scan(); n++ {
		words := strings.Fields(lines.Text())
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		p, why := parsePrincipal(words[1:])
		if why != "" {
			return nil, fmt.Errorf("line %d: %s: write TOKEN USER_ID, or TOKEN USER_ID bot", n, why)
		}
		key := sha256.Sum256([]byte(bare(words[0])))
		if _, twice := tokens[key]; twice {
			return nil, fmt.Errorf("line %d: the token is there twice", n)
		}
		tokens[key] = p
	}
	return tokens, lines.Err()
}

func parsePrincipal(words []string) (p Principal, why string) {
	if len(words) == 0 || len(words) > 2 {
		return p, "it has not two or three words"
	}
	user, err := sessions.ParseSnowflake(words[0])
	if err != nil || user == 0 {
		return p, "the second word is no user id"
	}
	if len(words) == 2 && words[1] != "bot" {
		return p, "the third word is not bot"
	}
	return Principal{User: user, Bot: len(words) == 2}, ""
}

package gateway

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/sessions"
)

// JWTConfig says which tokens NewJWT takes.
type JWTConfig struct {
	// KeyFile has the key: public ones in PEM, of RSA (tokens are RS256) or Ed25519
	// (EdDSA), several while they are exchanged; or else a secret of at least 32 bytes
	// (HS256), around which space is cut off. It is read once.
	KeyFile string
	// Issuer and Audience are what iss and aud must be. Default to anything.
	Issuer, Audience string
	// Leeway is how far clocks may differ. Defaults to none.
	Leeway time.Duration
}

// Bounds of keys: shorter ones can be found by trying.
const (
	minSecretBytes = 32
	minRSABits     = 2048
	maxTokenBytes  = 4096
)

// JWT is an Authenticator by signed tokens: sub is the user's id, bot (true or false)
// whether it is one, and exp is needed. The algorithm is the key's, whatever a token says.
type JWT struct {
	parser *jwt.Parser
	keys   map[string]jwt.VerificationKeySet // by algorithm
}

// NewJWT reads the key.
func NewJWT(cfg JWTConfig) (*JWT, error) {
	file, err := os.ReadFile(cfg.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	keys, err := parseKeys(file)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", cfg.KeyFile, err)
	}
	methods := make([]string, 0, len(keys))
	for method := range keys {
		methods = append(methods, method)
	}
	options := []jwt.ParserOption{jwt.WithValidMethods(methods), jwt.WithExpirationRequired(), jwt.WithLeeway(cfg.Leeway)}
	if cfg.Issuer != "" {
		options = append(options, jwt.WithIssuer(cfg.Issuer))
	}
	if cfg.Audience != "" {
		options = append(options, jwt.WithAudience(cfg.Audience))
	}
	return &JWT{jwt.NewParser(options...), keys}, nil
}

// parseKeys reads keys, by the algorithm that each is for.
func parseKeys(file []byte) (map[string]jwt.VerificationKeySet, error) {
	keys := map[string]jwt.VerificationKeySet{}
	block, rest := pem.Decode(file)
	if block == nil {
		secret := bytes.TrimSpace(file)
		if len(secret) < minSecretBytes {
			return nil, fmt.Errorf("a secret of %d bytes: use a PEM public key, or at least %d random bytes", len(secret), minSecretBytes)
		}
		keys["HS256"] = jwt.VerificationKeySet{Keys: []jwt.VerificationKey{secret}}
		return keys, nil
	}
	for ; block != nil; block, rest = pem.Decode(rest) {
		method, key, err := parseKey(block)
		if err != nil {
			return nil, err
		}
		keys[method] = jwt.VerificationKeySet{Keys: append(keys[method].Keys, key)}
	}
	return keys, nil
}

func parseKey(block *pem.Block) (method string, key crypto.PublicKey, err error) {
	if key, err = x509.ParsePKIXPublicKey(block.Bytes); err != nil {
		return "", nil, fmt.Errorf("a PEM block %.40q is no public key (openssl pkey -pubout makes one): %w", block.Type, err)
	}
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return "", nil, fmt.Errorf("an RSA key of %d bits: use at least %d", k.N.BitLen(), minRSABits)
		}
		return "RS256", k, nil
	case ed25519.PublicKey:
		return "EdDSA", k, nil
	default:
		return "", nil, errors.New("a key of another kind than RSA and Ed25519")
	}
}

// claims of a token.
type claims struct {
	jwt.RegisteredClaims
	Bot bool `json:"bot"`
}

// Authenticate implements Authenticator.
func (j *JWT) Authenticate(_ context.Context, token string) (Principal, error) {
	if len(token) > maxTokenBytes {
		return Principal{}, eventnode.ErrUnauthenticated
	}
	var c claims
	_, err := j.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		return j.keys[t.Method.Alg()], nil
	})
	if err != nil {
		return Principal{}, fmt.Errorf("%w: %w", eventnode.ErrUnauthenticated, err)
	}
	user, err := sessions.ParseSnowflake(c.Subject)
	if err != nil || user == 0 {
		return Principal{}, fmt.Errorf("%w: sub is no user id", eventnode.ErrUnauthenticated)
	}
	return Principal{User: user, Bot: c.Bot}, nil
}

var (
	_ Authenticator = (*TokenFile)(nil)
	_ Authenticator = (*JWT)(nil)
)

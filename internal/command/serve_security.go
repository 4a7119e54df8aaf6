package command

import (
	"crypto/tls"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/eventnode/eventnode/access"
	"github.com/eventnode/eventnode/internal/certs"
	"github.com/eventnode/eventnode/internal/reload"
	"github.com/eventnode/eventnode/node"
)

// fileLook is how often files that may change are looked at. A change counts at the
// second look.
const fileLook = 2 * time.Second

// securityHelp are paragraphs of serve's help.
func securityHelp() string {
	return `--tls-cert, --tls-key and --tls-ca have the rpc port speak TLS: nodes prove to each other
that they have a certificate of these signers, clients need none. The certificate must be
good for both ends (serverAuth and clientAuth), and for the address that others use or,
with --tls-name, for that name. Files are read anew when they change. Gossip is encrypted by
--gossip-key-file, and links between nodes prove that they know a key. A key is replaced
while nodes run, each step on all nodes before the next: the new one behind the old, then
before it, then alone.

--token-file has callers say who they are, with a token, and says who may do what: give all
nodes the same file, and --gossip-key-file, for without it anybody may pose as a node. It is
YAML:

  principals:
    - name: billing
      sha256: 9f86d081...     # of its token: printf %s TOKEN | sha256sum
      allow:
        - operations: [publish, consume, read]
          streams: [orders.]  # what their names start with
        - operations: [inspect]

The operations are ` + operationList() + `, or all.
Prefixes are of topics, streams, groups (SCOPE/GROUP), locks and sources.`
}

// operationList are the operations in words.
func operationList() string {
	words := make([]string, 0, len(access.Operations()))
	for _, o := range access.Operations() {
		words = append(words, string(o))
	}
	return strings.Join(words, ", ")
}

// securityFlags are those of serve that are about who may do what, and who may listen.
type securityFlags struct {
	cert, key, ca, name string
	tokens, keyFile     string
	keys                *reload.Files[[][]byte]       // nil: none
	policy              *reload.Files[*access.Policy] // nil: none
	watch               []reload.Looker
}

func (f *securityFlags) add(fs *pflag.FlagSet, cfg *node.Config) {
	fs.StringVar(&f.cert, "tls-cert", "", "PEM file with this node's certificate, for rpc (default: no TLS)")
	fs.StringVar(&f.key, "tls-key", "", "PEM file with its key")
	fs.StringVar(&f.ca, "tls-ca", "", "PEM file with who signs the certificates of nodes")
	fs.StringVar(&f.name, "tls-name", "", "whom the certificates of other nodes are for (default: the host that is dialled)")
	fs.StringVar(&f.keyFile, "gossip-key-file", "", "file with the cluster's keys, in base64, one a line: the first encrypts, all decrypt (openssl rand -base64 32)")
	fs.StringVar(&f.tokens, "token-file", "", "YAML file with who may do what, and the digests of their tokens (default: everybody may do everything)")
	fs.BoolVar(&cfg.HTTPTLS, "http-tls", false, "have --http speak TLS, too, with the same certificate")
}

// config puts into cfg what the flags say.
func (f *securityFlags) config(cfg *node.Config) error {
	if err := f.tokensConfig(cfg); err != nil {
		return err
	}
	if err := f.keysConfig(cfg); err != nil {
		return err
	}
	return f.tlsConfig(cfg)
}

// keysConfig is about who is a node.
func (f *securityFlags) keysConfig(cfg *node.Config) (err error) {
	if f.keyFile == "" {
		return nil
	}
	if f.keys, err = reload.Load(parseGossipKeys, f.keyFile); err != nil {
		return usagef("--gossip-key-file %s: %w", f.keyFile, err)
	}
	cfg.GossipKeys = f.keys.Now()
	f.watch = append(f.watch, f.keys)
	return nil
}

// tokensConfig is about who may do what.
func (f *securityFlags) tokensConfig(cfg *node.Config) (err error) {
	if f.tokens == "" {
		return nil
	}
	f.policy, err = reload.Load(func(texts ...[]byte) (*access.Policy, error) { return access.Parse(f.tokens, texts[0]) }, f.tokens)
	if err != nil {
		return usagef("--token-file: %w", err)
	}
	cfg.Authorizer = node.TokenAuthorizer(f.policy.Now)
	f.watch = append(f.watch, f.policy)
	return nil
}

// attach has the node follow the files. What callers opened with a token whose rights have
// changed ends.
func (f *securityFlags) attach(n server, log *slog.Logger) {
	if f.keys != nil {
		f.keys.OnChange(func(_, now [][]byte) {
			if err := n.SetGossipKeys(now); err != nil {
				log.Error("the gossip keys were not changed", "error", err)
			}
		})
	}
	if f.policy != nil {
		f.policy.OnChange(func(old, now *access.Policy) {
			n.Revoke(func(c node.Call) bool {
				token, _ := c.Token()
				return !old.Same(now, token)
			})
		})
	}
}

// tlsConfig is about who may listen.
func (f *securityFlags) tlsConfig(cfg *node.Config) error {
	given := 0
	for _, file := range []string{f.cert, f.key, f.ca} {
		if file != "" {
			given++
		}
	}
	switch {
	case given == 0 && cfg.HTTPTLS:
		return usagef("--http-tls needs --tls-cert, --tls-key and --tls-ca")
	case given == 0 && f.name != "":
		return usagef("--tls-name needs --tls-cert, --tls-key and --tls-ca")
	case given == 0:
		return nil
	case given < 3:
		return usagef("--tls-cert, --tls-key and --tls-ca go together: this node's certificate, its key, and who signs those of all nodes")
	}
	pairs, err := reload.Load(func(texts ...[]byte) (certs.Pair, error) {
		return certs.Parse(time.Now(), f.name, texts[0], texts[1], texts[2])
	}, f.cert, f.key, f.ca)
	if err != nil {
		return usagef("--tls-cert, --tls-key, --tls-ca: %w", err)
	}
	cfg.TLS = &node.TLS{Current: func() (server, client *tls.Config) {
		now := pairs.Now()
		return now.Server, now.Client
	}}
	f.watch = append(f.watch, pairs)
	return nil
}

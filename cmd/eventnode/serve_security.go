package main

import (
	"crypto/tls"
	"time"

	"github.com/spf13/pflag"

	"github.com/eventnode/eventnode/internal/certs"
	"github.com/eventnode/eventnode/internal/reload"
	"github.com/eventnode/eventnode/node"
)

// fileLook is how often files that may change are looked at. A change counts at the
// second look.
const fileLook = 2 * time.Second

// securityHelp is a paragraph of serve's help.
const securityHelp = `--tls-cert, --tls-key and --tls-ca have the rpc port speak TLS: nodes prove to each other
that they have a certificate of these signers, clients need none. The certificate must be
good for both ends (serverAuth and clientAuth), and for the address that others use or,
with --tls-name, for that name. Files are read anew when they change. Gossip
is encrypted by --gossip-key-file.`

// securityFlags are those of serve that are about who may do what, and who may listen.
type securityFlags struct {
	cert, key, ca, name string
	watch               []reload.Looker
}

func (f *securityFlags) add(fs *pflag.FlagSet, cfg *node.Config) {
	fs.StringVar(&f.cert, "tls-cert", "", "PEM file with this node's certificate, for rpc (default: no TLS)")
	fs.StringVar(&f.key, "tls-key", "", "PEM file with its key")
	fs.StringVar(&f.ca, "tls-ca", "", "PEM file with who signs the certificates of nodes")
	fs.StringVar(&f.name, "tls-name", "", "whom the certificates of other nodes are for (default: the host that is dialled)")
	fs.BoolVar(&cfg.HTTPTLS, "http-tls", false, "have --http speak TLS, too, with the same certificate")
}

// config puts into cfg what the flags say.
func (f *securityFlags) config(cfg *node.Config) error {
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

package command

import (
	"context"
	"crypto/tls"
	"os"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/internal/certs"
	"github.com/eventnode/eventnode/internal/settings"
)

// clientSecurity is how commands speak to a node.
type clientSecurity struct {
	ca, name, tokenFile string
	tokenInClear        bool
}

// The flags of clientSecurity.
const (
	caFlag         = "tls-ca"
	serverNameFlag = "tls-name"
	tokenFileFlag  = "token-file"
	inClearFlag    = "token-in-clear"
)

func (s *clientSecurity) add(fs *pflag.FlagSet) {
	fs.StringVar(&s.ca, caFlag, "", "PEM file with who signs the certificates of nodes; has connections secured (default $"+settings.Variable(caFlag)+", then none)")
	fs.StringVar(&s.name, serverNameFlag, "", "whom the nodes' certificates are for (default $"+settings.Variable(serverNameFlag)+", then the host of --addr)")
	fs.StringVar(&s.tokenFile, tokenFileFlag, "", "file with the token that says who asks (default $"+settings.Variable(tokenFileFlag)+", then none)")
	fs.BoolVar(&s.tokenInClear, inClearFlag, false, "let the token go to other machines without --tls-ca (default $"+settings.Variable(inClearFlag)+", then false)")
}

// options are those of the client. What was not given is in the environment.
func (s *clientSecurity) options(getenv func(string) string) (opts []client.Option, err error) {
	given := func(value, flag string) string {
		if value == "" {
			return getenv(settings.Variable(flag))
		}
		return value
	}
	if ca := given(s.ca, caFlag); ca != "" {
		cfg, err := clientTLS(ca, given(s.name, serverNameFlag))
		if err != nil {
			return nil, err
		}
		opts = append(opts, client.WithTLS(cfg))
	}
	if file := given(s.tokenFile, tokenFileFlag); file != "" {
		opts = append(opts, client.WithTokenFile(file))
	}
	inClear := s.tokenInClear
	if v := getenv(settings.Variable(inClearFlag)); v != "" && !inClear {
		if inClear, err = strconv.ParseBool(v); err != nil {
			return nil, usagef("%s: %.80q is not true or false", settings.Variable(inClearFlag), v)
		}
	}
	if inClear {
		opts = append(opts, client.WithTokenInClear())
	}
	return opts, nil
}

// clientTLS trusts the signers of a file.
func clientTLS(ca, name string) (*tls.Config, error) {
	text, err := os.ReadFile(ca)
	if err != nil {
		return nil, usagef("--%s: %w", caFlag, err)
	}
	pool, err := certs.Signers(text)
	if err != nil {
		return nil, usagef("--%s %s: %w", caFlag, ca, err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: pool, ServerName: name}, nil
}

// secured is dial with what flags and environment say of security.
func (a *app) secured(dial func(ctx context.Context, addrs []string, name string, opts ...client.Option) (cluster, error)) func(context.Context, []string, string) (cluster, error) {
	return func(ctx context.Context, addrs []string, name string) (cluster, error) {
		opts, err := a.security.options(a.getenv)
		if err != nil {
			return nil, err
		}
		return dial(ctx, addrs, name, opts...)
	}
}

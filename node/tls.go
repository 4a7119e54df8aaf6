package node

import (
	"context"
	"crypto/tls"
	"errors"
	"net"

	"google.golang.org/grpc/credentials"
)

// now is both configurations as they are at this moment.
func (t *TLS) now() (server, client *tls.Config) {
	if t.Current != nil {
		return t.Current()
	}
	return t.Server, t.Client
}

// client returns the credentials to dial peers with; nil means in the clear.
func (t *TLS) client() credentials.TransportCredentials {
	if t == nil {
		return nil
	}
	return &currentCredentials{t}
}

// server returns the listener's configuration for each connection: clients may come
// without a certificate, links may not. nil means in the clear.
func (t *TLS) server() func() *tls.Config {
	if t == nil {
		return nil
	}
	return func() *tls.Config {
		now, _ := t.now()
		cfg := now.Clone()
		if cfg.ClientAuth < tls.VerifyClientCertIfGiven {
			cfg.ClientAuth = tls.VerifyClientCertIfGiven
		}
		return cfg
	}
}

// listener secures what is not gRPC.
func (t *TLS) listener(l net.Listener) net.Listener {
	return tls.NewListener(l, &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		now, _ := t.now()
		cfg := now.Clone()
		cfg.ClientAuth, cfg.NextProtos = tls.NoClientCert, []string{"http/1.1"}
		return cfg, nil
	}})
}

// currentCredentials are TLS as it is configured when a connection is made.
type currentCredentials struct{ t *TLS }

var _ credentials.TransportCredentials = (*currentCredentials)(nil)

// ClientHandshake implements credentials.TransportCredentials.
func (c *currentCredentials) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	_, client := c.t.now()
	return credentials.NewTLS(client).ClientHandshake(ctx, authority, conn)
}

// ServerHandshake fails: the port shakes hands before gRPC sees a connection.
func (*currentCredentials) ServerHandshake(net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("these credentials are for dialling")
}

// Info says that it is TLS.
func (c *currentCredentials) Info() credentials.ProtocolInfo {
	_, client := c.t.now()
	return credentials.NewTLS(client).Info()
}

// Clone returns c, which has no state of its own.
func (c *currentCredentials) Clone() credentials.TransportCredentials { return c }

// OverrideServerName does nothing: Client.ServerName is for that.
func (*currentCredentials) OverrideServerName(string) error { return nil }

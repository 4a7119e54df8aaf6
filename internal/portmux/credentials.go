package portmux

import (
	"context"
	"crypto/tls"
	"errors"
	"net"

	"google.golang.org/grpc/credentials"
)

// Credentials are what a gRPC server behind a Mux uses: the TLS handshake is
// done, so they only hand its outcome on.
func Credentials() credentials.TransportCredentials { return shakenCredentials{} }

type shakenCredentials struct{}

var _ credentials.TransportCredentials = shakenCredentials{}

// ServerHandshake hands on what the Mux found out.
func (shakenCredentials) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if t, ok := conn.(*tls.Conn); ok {
		return conn, credentials.TLSInfo{
			State:          t.ConnectionState(),
			CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
		}, nil
	}
	return conn, inTheClear{CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.NoSecurity}}, nil
}

// ClientHandshake fails: these credentials are for servers.
func (shakenCredentials) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("portmux credentials are for servers")
}

// Info says that it depends on the connection.
func (shakenCredentials) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls or clear"}
}

// Clone returns c, which has no state.
func (c shakenCredentials) Clone() credentials.TransportCredentials { return c }

// OverrideServerName does nothing: servers have no server name.
func (shakenCredentials) OverrideServerName(string) error { return nil }

// inTheClear is the AuthInfo of a connection without TLS.
type inTheClear struct{ credentials.CommonAuthInfo }

// AuthType returns "clear".
func (inTheClear) AuthType() string { return "clear" }

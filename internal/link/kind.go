package link

import (
	"errors"
	"net"
	"strings"
	"syscall"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventnode/eventnode"
)

// ErrorKind is what an error is about, in one or two words that stay the same from try
// to try, where its text may name another port each time. Those without a constant are
// an operation of package net or a code of gRPC.
type ErrorKind string

// The kinds of errors that say what to do.
const (
	KindNone        ErrorKind = ""                // there was none
	KindRefused     ErrorKind = "refused"         // nothing listens at the address
	KindUnreachable ErrorKind = "unreachable"     // there is no way to the address, or it is forbidden
	KindTimeout     ErrorKind = "timeout"         // no answer
	KindForeign     ErrorKind = "foreign cluster" // another cluster's
	KindSecret      ErrorKind = "secret"          // another cluster secret
	KindExpired     ErrorKind = "certificate"     // a certificate that is not valid at this time
	KindTLS         ErrorKind = "tls"             // TLS failed, or only one side speaks it
	KindGoodbye     ErrorKind = "goodbye"         // one of the two stops
	KindOther       ErrorKind = "other"
)

// errorKind sorts an error.
func errorKind(err error) ErrorKind {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return KindRefused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return KindUnreachable
	case errors.Is(err, eventnode.ErrForeignCluster):
		return KindForeign
	case errors.Is(err, eventnode.ErrPermissionDenied), errors.Is(err, eventnode.ErrUnauthenticated):
		return KindSecret
	case errors.Is(err, errHandshakeTimeout), isTimeout(err):
		return KindTimeout
	case errors.Is(err, errGoodbye):
		return KindGoodbye
	}
	if kind := tlsKind(err.Error()); kind != KindNone {
		return kind
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return ErrorKind(op.Op)
	}
	if code := status.Code(err); code != codes.Unknown {
		return ErrorKind(code.String())
	}
	return KindOther
}

// isTimeout reports whether no answer came: by the end of a context, of a deadline of the
// connection, or of the kernel's patience.
func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// tlsKind reads what gRPC says of TLS, which it does in words only. A side that speaks
// none gets no HTTP/2, which is its preface.
func tlsKind(text string) ErrorKind {
	switch {
	case strings.Contains(text, "expired or is not yet valid"):
		return KindExpired
	case strings.Contains(text, "authentication handshake failed"), strings.Contains(text, "server preface"), strings.Contains(text, "tls: "):
		return KindTLS
	}
	return KindNone
}

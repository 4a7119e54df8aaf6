package link

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
)

// The other clock is compared with the middle of the time that the answer took, and half
// of that time is what is not known. A peer that does not say is not compared.
func TestDifferenceOf(t *testing.T) {
	asked := time.Unix(1000, 0)
	heard := asked.Add(2 * time.Second)
	for there, want := range map[int64]Difference{
		0:                                   {},
		asked.Add(time.Second).UnixNano():   {Known: true, Within: time.Second},
		asked.Add(3 * time.Hour).UnixNano(): {Known: true, Ahead: 3*time.Hour - time.Second, Within: time.Second},
		asked.Add(-time.Hour).UnixNano():    {Known: true, Ahead: -time.Hour - time.Second, Within: time.Second},
	} {
		if got := differenceOf(asked, heard, there); got != want {
			t.Errorf("%d: %+v, want %+v", there, got, want)
		}
	}
}

// Errors of one kind have one word, whatever else they say.
func TestErrorKind(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for _, c := range []struct {
		err  error
		want ErrorKind
	}{
		{dial(syscall.ECONNREFUSED), KindRefused},
		{dial(syscall.EHOSTUNREACH), KindUnreachable},
		{dial(syscall.EPERM), KindUnreachable},
		{dial(context.DeadlineExceeded), KindTimeout},
		{dial(os.ErrDeadlineExceeded), KindTimeout},
		{dial(syscall.ETIMEDOUT), KindTimeout},
		{errHandshakeTimeout, KindTimeout},
		{fmt.Errorf("%w: x", eventnode.ErrForeignCluster), KindForeign},
		{fmt.Errorf("%w: x", eventnode.ErrPermissionDenied), KindSecret},
		{x509.CertificateInvalidError{Reason: x509.Expired}, KindExpired},
		{errors.New("connection error: desc = \"error reading server preface: EOF\""), KindTLS},
		{errors.New("transport: authentication handshake failed: tls: first record does not look like a TLS handshake"), KindTLS},
		{dial(io.EOF), "dial"},
		{errGoodbye, KindGoodbye},
		{io.EOF, KindOther},
	} {
		if got := errorKind(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}

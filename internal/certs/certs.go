package certs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// Pair is what a node uses at the two ends of connections.
type Pair struct {
	Server, Client *tls.Config
	// Until is when the certificate ends.
	Until time.Time
}

// Parse makes both configurations of three PEM texts. Name is whom the certificates of
// other nodes are for; empty: the host that is dialled.
func Parse(now time.Time, name string, cert, key, ca []byte) (Pair, error) {
	pool, err := Signers(ca)
	if err != nil {
		return Pair{}, err
	}
	own, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return Pair{}, fmt.Errorf("certificate and key: %w", err)
	}
	if err := verify(own, pool, now); err != nil {
		return Pair{}, err
	}
	return Pair{
		Server: &tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own},
			ClientCAs: pool, ClientAuth: tls.VerifyClientCertIfGiven,
		},
		Client: &tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own}, RootCAs: pool, ServerName: name,
		},
		Until: own.Leaf.NotAfter,
	}, nil
}

// verify tries the certificate as the other end of a link will.
func verify(own tls.Certificate, pool *x509.CertPool, now time.Time) error {
	between := x509.NewCertPool()
	for _, der := range own.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("certificate: %w", err)
		}
		between.AddCert(c)
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		_, err := own.Leaf.Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage}})
		if bad, ok := errors.AsType[x509.CertificateInvalidError](err); ok && bad.Reason == x509.IncompatibleUsage {
			return errors.New("certificate: it must be good for both ends of a link: for servers (serverAuth) and for clients (clientAuth)")
		}
		if err != nil {
			return fmt.Errorf("certificate: nodes that trust these signers will not take it: %w", err)
		}
	}
	return nil
}

// Signers reads certificates of those who sign. Other blocks are refused: a key is in the
// wrong place there.
func Signers(ca []byte) (*x509.CertPool, error) {
	pool, found := x509.NewCertPool(), 0
	for {
		var block *pem.Block
		block, ca = pem.Decode(ca)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("signers: a block %.40q among the certificates", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("signers: %w", err)
		}
		pool.AddCert(c)
		found++
	}
	if found == 0 {
		return nil, errors.New("signers: there is no certificate (PEM) in the file")
	}
	return pool, nil
}

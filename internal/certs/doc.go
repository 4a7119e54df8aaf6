// Package certs makes the TLS configurations of a node of its certificate, its key and
// the certificates of those who sign.
//
// # Guarantees
//
//   - What Parse returns works: the key is the certificate's, the certificate is signed
//     by one of the signers, is good now, and is good for both ends of a link.
//   - TLS 1.3, nothing older. Links have certificates at both ends; clients need none.
//
// # Concurrency
//
// Pure: no goroutine, no clock (time is an argument), no file.
//
// # Failure
//
// Errors say which of the three is wrong, and quote none.
//
// # Example
//
//	pair, err := certs.Parse(time.Now(), "", cert, key, ca)
//	...
//	tls.NewListener(l, pair.Server)
package certs

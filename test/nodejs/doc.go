// Package nodejs shows that a client in another language needs nothing of ours
// but the .proto files: programs for Node.js, made of the usual packages for
// gRPC there, speak to a cluster of real processes and to the Go SDK.
//
//   - example.js is the smallest client, which docs/protocol.md shows.
//   - protocol.test.js goes through what docs/protocol.md promises.
//   - peer.js is the other end of a conversation with the Go SDK.
//   - api.js is what they share.
//
// By hand, beside a cluster started with `eventnode dev`:
//
//	npm ci
//	node example.js 127.0.0.1:7401 127.0.0.1:7403
//
// The tests of this package install what package-lock.json says and run all of
// it. They are skipped, and say why, where there is no node or npm, or where
// the packages cannot be fetched.
package nodejs

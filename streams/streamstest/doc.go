// Package streamstest is what every implementation of eventnode.Streams must do: an
// embedded node, a client, and what somebody writes to stand for them in tests.
//
//	func TestStreams(t *testing.T) {
//		streamstest.Run(t, func(t *testing.T, namespace string) eventnode.Streams {
//			return client.Streams(client.WithNamespace(namespace))
//		})
//	}
//
// # Guarantees
//
// Each test uses namespaces of its own, so that all may run against one cluster that
// has other streams, too; but not twice. Nothing relies on how events are stored: of
// bounds by bytes or age only what any way of storing them keeps.
//
// # Concurrency
//
// Tests run one after the other, in real time; some use several goroutines.
//
// # Failure
//
// A test fails after 30 s at the latest, with what was expected.
package streamstest

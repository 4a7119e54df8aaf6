// Package sourcetest has the tests that every [source.Source] must pass, and a source in
// memory that passes them.
//
//	func TestConformance(t *testing.T) {
//		sourcetest.Run(t, func(t *testing.T) sourcetest.Subject { ... })
//	}
//
// # Guarantees
//
// A source that passes: says things in order, each once, one after the other, with its
// name and well-formed data; takes in no more than a bounded buffer while it has no
// credit, and says what it took; goes on after what is no payload; ends with its context,
// and with an error when it cannot go on or deliver has failed; leaves no goroutine.
//
// # Concurrency
//
// The tests of one Run are one after the other, and look at all goroutines of the process:
// nothing else may run beside them.
//
// # Failure
//
// A source that hangs fails its test after half a minute.
//
// # Example
//
//	s := sourcetest.NewMemory("bot")
//	go s.Say(ctx, source.Payload{Name: "READY"})
//	err := s.Run(ctx, deliver)
package sourcetest

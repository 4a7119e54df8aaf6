// Package bustest is what every transport of a bus must do: those of package bus, and
// what somebody writes to carry events by other means.
//
//	func TestMine(t *testing.T) {
//		bustest.Run(t, func(t *testing.T) bus.Transport { return mine.New(t) })
//	}
//
// # Guarantees
//
// Each test asks for a transport of its own, which carries nothing yet. What is asked of
// it depends on what it promises (bus.Guarantee).
//
// # Concurrency
//
// Tests run one after the other, in real time, with several goroutines each.
//
// # Failure
//
// A test fails after 30 s at the latest, with what was expected.
package bustest

// Package lanes works on things one after the other, beside each other, or beside each
// other but in the order of their keys.
//
// # Guarantees
//
// Each thing that was given is worked on once. Of one key things are worked on in the
// order in which they were given, except in the mode Free. Wait returns when all of them
// were.
//
// # Concurrency
//
// Give and Wait belong to one goroutine. Give waits while there is no room; goroutines
// start when they are first needed and end in Wait, behind which Give may be called
// again.
//
// # Failure
//
// Nothing here fails. What is called must not panic.
//
// # Example
//
//	l := lanes.New(lanes.Keyed, 8, func(o Order) { ... })
//	for _, o := range orders {
//		l.Give(o.Customer, o)
//	}
//	l.Wait()
package lanes

// Package outboxtest has what tests of an outbox need: the behaviours that every
// outbox.Store must have ([Run]), and a store in memory ([Memory]), which has them too.
//
//	func TestStore(t *testing.T) {
//		outboxtest.Run(t, func(t *testing.T) outboxtest.World { ... })
//	}
package outboxtest

// Package sdktest is a StreamService and a ConsumerService for tests: nodes that share one memory, and do
// on request what is hard to have of a real cluster at the right moment: drop an
// answer, forget producers, lose the leader, break a read.
//
// # Guarantees
//
// It follows the contracts as plainly as can be: one mutex, one slice
// of events a stream. It knows no chunks: retention by bytes and age drops event by
// event.
//
// # Concurrency
//
// Everything is safe for concurrent use. Nothing runs by itself.
//
// # Failure
//
// Nothing fails that was not asked for.
//
// # Example
//
//	c := sdktest.NewCluster("n1", "n2")
//	c.DropAnswers(1)
//	eventnodev1.RegisterStreamServiceServer(server, c.Node("n1"))
package sdktest

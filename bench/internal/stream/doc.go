// Package stream makes and checks the durable load: processes that publish to one
// stream, and one that reads it from its first event to its last, with one body for
// every system that is compared.
//
// # The processes
//
// Each is this program again, under a subcommand, started by the coordinator with
// its configuration as JSON and driven by lines of JSON: it says {"ready":true},
// gets its orders on stdin, and answers with its result.
//
//	batches  publishers that each publish batch after batch, for a time or a
//	         number of events; a batch is filled while the one before is under way,
//	         unless each is to be waited for
//	callers  callers that each publish one event at a time and wait for its ack, for
//	         a time; or until told to stop, and to say meanwhile how long there was
//	         no ack
//	reader   reads everything and judges it
//	consumers  consumers of one consumer group, which handle batches and ack them,
//	         until everything is acked, as the system itself says
//
// # What is checked
//
// An event's data is its publisher, its number there, random bytes, and a checksum
// over all of it. A publisher's numbers come in order, each once; whatever is lost,
// comes twice, out of order or changed is counted, and makes the run fail. So is
// what failed to be published. Of several consumers each event is to be handled by one
// of them, once; order counts where the system promises one.
package stream

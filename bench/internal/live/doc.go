// Package live measures live dispatch: from a publisher's process over two
// nodes to subscribers' processes, on clusters of three nodes, all on one
// machine.
//
// # What is compared
//
// Both systems get the same: three server processes with their own defaults, a
// publisher process on node 1, subscriber processes on nodes 2 and 3 (on node 1
// where the workload says so), the same topics, the same bytes of data, the
// same number of connections. Data begins with a number and a time; our events
// carry besides, as always, an ID, a name and their topic.
//
// A rate is all deliveries divided by the time from the first publish to the
// last receipt. A run that lost an event, saw one twice or out of order does
// not count: it fails, or, if the system lost because it was too fast for
// itself, it is repeated at a rate at which nothing is lost (paced.go).
package live

// Package source takes events from elsewhere into the cluster: a [Source] says what
// happened, and each payload goes through the same steps, in this order:
//
//	decode       by the source: bytes become a name and data
//	normalise    by the source: ids are of one type, unknown fields stay
//	cache        what is known changes, and what was known before is kept
//	derive       the payload becomes events, with old and new
//	handle       the handlers of this node are called
//	dispatch     consumers on all nodes are sent the events
//	credit       the source may say more
package source

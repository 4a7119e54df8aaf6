// Package load makes and checks the load: processes that publish, that
// subscribe, and that measure the way there, with one body for every system
// that is compared.
//
// # The processes
//
// Each is this program again, under a subcommand, started by the coordinator
// with its configuration as JSON and driven by lines of JSON: it says
// {"ready":true}, gets its orders on stdin, and answers with its result.
//
//	publisher   connects; at {"go":true} publishes, as fast as it can or at a
//	            rate, for a time; flushes; says how many it sent to each topic
//	subscriber  connects and subscribes; at {"expect":[...]} waits until all of
//	            that came or nothing comes any more; says what it saw
//	pinger      both, one event at a time: sent, seen, the next one
//	requester   requests, so many at a time, and replies to them
//
// # What is checked
//
// Each event carries its number in its topic and the time of its sending. A
// subscriber accepts number n+1 after n and nothing else: whatever is lost,
// comes twice or out of order is counted, and makes the run fail.
package load

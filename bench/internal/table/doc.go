// Package table measures the group table: eventnode's beside Erlang's pg, whose
// contract it has.
//
//	for _, w := range table.Workloads(unavailable) { ... }
//
// # What is compared, and why it is fair
//
// A node is a process that embeds its system: eventnode as a Go library in the
// bench's own binary (NodeMain), pg in Erlang's runtime. Members and monitors are
// in the node's process, and no client is between. Both are driven by the same
// words (see NodeMain) and the same code, name the same groups, and stamp with
// the clock of the one machine.
//
//   - Joins one by one: a call has one membership, and the next call is made when
//     the former has returned. It counts until monitors on both other nodes have
//     reported all; then all three tables are read and must hold exactly what was
//     joined. Into distinct groups joins one member, into one group as many
//     members as memberships. In pg a join copies the list of the group's
//     members, so that 10,000 of them are compared, and 100,000 only measured
//     here.
//   - Join to visible: one join at a time, from the call on node 1 to the report
//     of a monitor on node 2; the next join when it was reported.
//   - A late joiner: node 1 holds all memberships, node 2 a copy; the clock starts
//     with the process of node 3 and stops when its table holds all. A member is
//     made before memory is read for the first time: what a handle costs (a
//     process, in Erlang) is not a membership's cost. Bytes are the growth of the
//     live heap after a collection, and of resident memory without one, a few
//     seconds after the transfer.
//   - Look-ups under churn: one goroutine lists a group of 1,000 members, a third
//     of them on each node, while another one joins that group and leaves it,
//     without a pause. Members stands beside pg:get_members and LocalMembers
//     beside pg:get_local_members: each gives the caller a list of its own, of
//     all members at that moment.
//
// # Concurrency and failure
//
// A runner starts its processes and ends them, also when its context ends. It
// fails with the step that failed, and if a node's table has too much or too
// little.
package table

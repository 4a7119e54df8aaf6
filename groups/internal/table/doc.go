// Package table is the group table of one scope: which members each node has
// in which group. It is pure: no goroutine, clock, socket or random source.
//
// # Guarantees
//
//   - The table is a map origin -> (epoch, version, groups); an origin has one
//     epoch at a time. Each membership is stored once.
//   - [Table.Apply] is the only function that changes memberships, for this
//     node's own changes and for those of others alike. What it returns is the
//     exact multiset difference, and the only source of notifications.
//   - A change to a group of any size costs what the change costs; an empty
//     group does not exist.
//
// # Concurrency
//
// One writer. Any number of readers call [Table.View], [Table.Sizes] and the
// counters at the same time: they read immutable views. That of a group with
// some members is kept until the group changes. Only the reader that rebuilds a view holds up a change of that very
// group.
//
// # Failure
//
// Nothing fails: leaving what is not there changes nothing, and a membership
// count beyond [MaxTimes] is cut off there, and told so in the difference.
package table

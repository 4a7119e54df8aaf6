// Package ranges is sets of numbers that mostly stand together: what a consumer
// has in hand, and what it acks.
//
// # Guarantees
//
//   - A Set is sorted, its ranges neither overlap nor touch. Every function here
//     that is given such sets returns such sets, and changes none of them.
//   - What Encode writes, Decode reads; there is one way to write a set, and
//     Decode takes no other.
//   - The work is that of the number of ranges, not of numbers.
//
// # Concurrency
//
// Sets are values that are never changed: share them.
//
// # Failure
//
// Only Decode can fail, with ErrMalformed.
//
//	inside, outside := pending.Split(ranges.Of(10, 20))
package ranges

// Package faults breaks clusters with durable streams while they are in use, and
// checks that they keep their promise. It has tests only.
//
// # What is proven
//
// Each test starts three or five nodes and a load, brings its faults, lets the
// cluster come back by itself, and ends with the same checks:
//
//   - Every event that was acked is in the stream once, at the position that the ack
//     said; events of one publish stand next to each other.
//   - What was refused is not there. What has no known outcome is there once, or not.
//   - Nothing is read that was not published, and no reader ever saw an event that
//     is not in the stream at the end, at that place, or missed one before another.
//   - Order in time: what was published after an ack stands behind it, whoever
//     published it. Positions and numbers grow, without a hole in the numbers.
//   - A read shows what was acked before it began, by whomever.
//   - Publishing under a condition (WithExpectLast) and reading are linearizable:
//     porcupine finds an order of all operations that explains every answer.
//   - Two consumer groups, one of them keyed, work on a stream beside all this, at all
//     nodes, with handlers that fail now and then. When the faults are over each group
//     drains: nobody is stuck. Each handled all that was acked to its publisher, nothing
//     that was refused, and what is unknown either both or neither; effects that an
//     idempotent sink counts once are what was published; keys keep their order; after
//     an ack that was waited for, an event is handled no more.
//   - All replicas that run have the same state: the same hash over all that was ever
//     written to it, at the same entry.
//   - The cluster serves again by itself, at every node that runs.
//
// Two tests record what the protocol answers, step by step, while leaders are killed and
// paused, and porcupine looks for an order that explains it: consumers that forget, come
// too late, break off and come back while others claim what they have and end them
// (hand_model_test.go), and holders of a lock that dawdle and forget it
// (lock_model_test.go). An ack counts once, by who has the event, under a lease that
// lasts; a lock has one holder at a time, by its tokens and by time.
//
// Two tests kill and end relays of an outbox (outbox_test.go): what writers commit in
// PostgreSQL is in the stream, once and in the order of each key, and nothing else.
//
// # How
//
// Most tests run processes of the real binary: kill -9, SIGSTOP, damaged and deleted
// files (package cluster). Partitions and one-way cuts are between network
// namespaces; they need root and iproute2 and are skipped elsewhere.
//
// What a process cannot be made to suffer is done to three nodes in this process, on
// file systems in memory: disk_test.go has one that fails, hangs, is full and, when
// the power goes, forgets what was not fsynced, sector by sector or all of it. Their
// wall clocks are functions, which jump. The network between them is in memory, too,
// so that nothing leaves a machine after its power went.
//
// # Running it
//
// `go test ./test/faults` is the short form, `make faults` the long one:
// EVENTNODE_FAULT_ROUNDS rounds of each fault, 1 in the short form. A test says its
// seed; EVENTNODE_FAULT_SEED repeats its choices, though not the machine's. When a
// test fails its history (a line of JSON for each operation), the logs and the data
// are kept, and it says where; with EVENTNODE_FAULT_KEEP=1 always.
//
// `make mutants` takes one guard after the other out of the program, and fails
// unless the test fails that is there for it.
package faults

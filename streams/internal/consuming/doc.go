// Package consuming is what the leader of a partition knows of consumers and does for
// them, beside the replicated state: who is there, who waits for events or for a lock,
// and what is due.
//
// # Guarantees
//
//   - Who waits at a place where something comes to be fetched is woken, or another one
//     of its consumer group is. Who was woken and does not want it passes it on.
//   - A lease whose holder is not there is ended when its TTL is over, by this
//     machine's monotonic clock, counted from when it was last there; a new leader
//     gives each a whole one. One whose holder is there is never ended.
//   - What has come of age is done about 50 ms later.
//   - Who waits for a lock is served in the order in which it came. Nobody waits longer
//     than it wanted, nor longer than this node leads.
//
// # Concurrency
//
// New starts nothing; Run owns all goroutines. All other methods may be called by
// anybody, also while Run does not run: then nothing ends and nothing comes of age.
//
// # Failure
//
// A proposal that fails is made again, for as long as this node leads. With the term
// end all places at which somebody waits: see Reign.
//
//	desk := consuming.New(consuming.Config{})
//	// replica.Config{OnDecided: desk.Decided}
//	go desk.Run(ctx, replica)
package consuming

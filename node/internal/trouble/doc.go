// Package trouble turns what a node sees of the others into one sentence for each
// thing that is wrong, which says what it is and what to do: the first failures of a
// real network.
//
// # Guarantees
//
//   - Each cause has one word, and one sentence for each node or address.
//   - A sentence comes when there is no other likely reading of what was seen: a
//     process that was killed, or has not been started yet, is not called a firewall.
//   - Sentences have names, addresses and errors in them, and no secret.
//   - Of what lasts a Book tells once, again after an hour, and then that it is over;
//     of what comes and goes, once a minute at most; and of 256 things at a time.
//
// # Concurrency
//
// Functions are pure. A Book is for one goroutine.
//
// # Failure
//
// Nothing here fails. What it is told is believed: a called node that lies about its
// clock is reported with that clock.
//
//	for _, f := range trouble.OfPeer(peer) {
//		fmt.Println(f.Cause, f.Text)
//	}
package trouble

// Package link joins a node to its peers. A link is one gRPC connection in one
// direction: it carries what its dialler says, and only answers come back. Two
// nodes hold two links.
//
// # Protocol
//
// The dialler opens Control and sends Hello: protocol versions, cluster name
// and UUID, who dials whom and in which life, a generation, a nonce, and the
// number of the last frame it sent in each lane. The called node refuses what
// does not fit, or answers Challenge with its own nonce and proof of the
// cluster secret. The dialler answers Proof. Then the called node ends the
// link before this one, waits until the last frame of it was handled, compares
// the frame numbers, and sends Accepted with a token. With the token the
// dialler opens the lanes. Whoever has no token can call nothing else.
//
// Control then carries group-table messages in order, the announcement that
// this node accepts events from publishers, and goodbye. Messages of kinds
// that the receiver does not know are ignored and counted.
//
// A lane carries numbered frames. A frame holds a notice of what was dropped
// before it, and then runs of envelopes, as the publishers encoded them, or
// envelopes that want a receipt. A run that is not for the plain subscriptions of
// the receiver alone says whom it is for; in a frame such runs come first, and a
// run without an audience that comes between them says that it has none. The numbers go on over generations. While a
// lane is busy the receiver answers every 50 ms how far it is, or that a
// frame blocks; receipts come at once.
//
// # Guarantees
//
//   - Runs with one lane number arrive in the order of their Sends, at most
//     once. A frame that was handed over to gRPC is never sent again; what was
//     still queued goes on in the next generation.
//   - Nothing is missing silently. What was dropped here is told in its place,
//     counted per topic as far as the bound allows. What was handed over and
//     did not arrive is one Gap for the whole peer, before anything that was
//     sent later; so is the time in which a publishing peer had removed this
//     node. A publisher's node that is lost without goodbye is one Gap.
//   - Frames of one generation and of the next never overlap.
//   - Exchanges arrive in order, or the link went down in between.
//   - LinkUp and LinkDown come in turns.
//
// # Back pressure
//
// Each lane has a bounded queue. Send waits for room while the lane makes
// progress: a frame was handed over, or an answer came. After StallTimeout
// (250 ms) without progress, counted from the last progress, the lane is
// stalled: a full queue drops at once, until a frame moves again. A receiver
// whose handler blocks says so every 50 ms, which is progress: policy block
// holds publishers up for as long as the handler likes, while a stopped
// machine, which says nothing, holds each of them up for 250 ms once.
//
// Without a link events wait in the queue for at most StallTimeout since it
// was lost, or since Add. Then they are dropped, and so is what comes after.
// Nobody waits for a link that never came up.
//
// # Concurrency
//
// All methods of Links are safe for concurrent use. Handler says which of its
// calls overlap. The goroutines, all of which have ended when Run returns:
//
//   - per peer, one that dials, shakes hands, waits for the end of the link and
//     dials again (peer.run); while a link is up, two for its control stream
//     (writeControl, readControl) and two for each lane (laneWriter.run,
//     laneWriter.listen);
//   - per incoming link, gRPC's own for the Control call and one that reads it;
//     per incoming lane, gRPC's own, which answers (laneReader.answer), and one
//     that reads and handles frames (laneReader.run).
//
// # Failure
//
// A dial that fails is tried again for ever, after a random while that grows
// from 100 ms to 3 s; a link that had stood for a second is dialled again at
// once. A port that refuses twice, 200 ms apart, is told by Handler.Refused. A
// peer that answers no ping for 15 s is cut off. Handshakes take 5 s at most,
// and no more than 256 of them are under way. A reason is logged when it
// changes, and kept in State.LastError, with its kind. The called node says what its
// clock shows when it challenges: State.Clocks has how far that is from this node's.
//
// # Trade-offs
//
// A stall is judged per lane, so that a trickle in one lane of a stopped
// machine does not look like progress in another; a peer with several busy
// lanes is thus noticed once in each. A frame is never repeated, so a broken
// connection costs what was under way even where it did not arrive: order and
// at most once are worth more here. StallTimeout is little more than TCP's
// shortest retransmission time: a saturated link that loses a packet at a bad
// moment, or a peer whose processor is taken away for that long, may count as
// stalled for an instant; that, too, is told.
//
// # Example
//
//	links, err := link.New(link.Config{Self: self, Cluster: "test", Secret: key}, handler)
//	server := grpc.NewServer(link.ServerOptions()...)
//	clusterv1.RegisterLinkServiceServer(server, links.Service())
//	go links.Run(ctx)
//	links.Add(peer, "10.0.0.2:7401")
//	links.Send(ctx, peer, lane, "topic:orders", run, count)
package link

// Package wire reads and writes the bytes of the hot path: events, envelopes
// and the frames that carry runs of them.
//
// Every message that carries events holds them as Envelope fields under one
// number (15). Such a field, with its tag and length, is a record here. A
// record looks the same in all these messages, so a sequence of records can be
// taken from one message and put into another as one slice of bytes: a run is
// the longest sequence with the same topics. A node takes a message apart with
// [Split], finds runs with a [Scanner], and sends them on as segments of a
// [Frame], which gRPC writes without a copy.
//
//	message    head ........ record record record record record
//	           number: 7     a      a      a      b      a
//	runs                     |------ 3 ------|    1      1
//
// # Guarantees
//
//   - What passes [CheckEvent] is accepted by every protobuf decoder, and is an
//     event that passes event.Validate. So one publisher cannot make a
//     subscriber fail to decode the frame in which its event stands beside those of others.
//   - Fields that are not known stay in the bytes that are passed on.
//   - The bytes of a message are copied once, where gRPC hands them over. All
//     that comes out of them is a view.
//   - Except for DecodeEvent and refusals, nothing allocates on well-formed
//     messages written in the usual order.
//
// # Concurrency
//
// Functions are pure. Bytes that were received or sent do not change as long as
// somebody holds their memory (see [Piece]) or nobody counts it; with that they
// are shared between goroutines without locks. Memory that everybody has released
// is used again; what nobody released is the garbage collector's. A Scanner and a
// Decoder belong to one goroutine. A Codec and a Piece are safe for concurrent use.
//
// # Failure
//
// [ErrMalformed] means that a stream is not to be trusted any more. Anything
// wrong inside one record is an error of that record only.
//
// # Example
//
//	head, envelopes, err := wire.Split(frame.Received.Data)
//	...
//	s := wire.NewScanner(envelopes, wire.Checks{Events: true})
//	for run, ok := s.Next(); ok; run, ok = s.Next() {
//		deliver(run.Topics, run.Data, run.Count)
//	}
package wire

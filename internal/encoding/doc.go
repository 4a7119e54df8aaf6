// Package encoding writes and reads the payloads of the gateway protocol, at both ends: in
// JSON or in Erlang's external term format, plain or compressed. An event is encoded and
// compressed once for each encoding, however many sessions it is sent to.
//
// # How it is shared
//
// What differs between the sessions that get an event is its sequence number. So a message
// is a head of some 20 bytes, written for one connection, and the rest, which is the same
// for all and is kept with the event:
//
//	{"op":0,"s":17, ‖ "t":"MESSAGE_CREATE","d":{…}}
//
// With compression the head goes into a block that is stored as it is, and the rest into
// blocks that were compressed without history: nothing in them points to what was before.
// Such blocks are right at any place of any stream. So a connection has no compressor; a
// [Writer] remembers only whether its stream has begun.
//
//	zlib-stream   header │ stored: head │ deflate blocks, sync flush │ stored: head │ …
//	zstd-stream   frame header │ raw block: head │ compressed blocks │ raw block: head │ …
//	each payload  header │ stored: head │ deflate blocks │ last block, adler32 of both
//
// A connection's zstd-stream is one frame that never ends, for clients have a context that
// is at its end when the frame is. What that asks of the blocks is said in zstd.go.
//
// A connection goes so:
//
//	w := encoding.NewWriter(encoding.JSON, encoding.ZlibStream)
//	hello, err := w.Control(nil, 10, map[string]int{"heartbeat_interval": 41250})
//	…
//	message, err := w.Event(room[:0], sent.Seq, sent.Event) // binary, for w.Binary()
//	…
//	payload, err := encoding.Decode(encoding.JSON, received)
//
// and at the other end, whoever wrote it:
//
//	r := encoding.NewReader(encoding.JSON, encoding.ZlibStream, 16<<20)
//	…
//	payload, whole, err := r.Read(message)
//
// # Guarantees
//
//   - A message decodes when it has arrived, without the next one.
//   - What decodes is what encoding/json makes of the event's data: bytes that are no UTF-8
//     become U+FFFD. In ETF a number with a point or an exponent has 64 bits.
//   - A call that fails appends nothing and leaves the stream as it was.
//   - Decode reads what it was given once, allocates in proportion to that, and says what is
//     wrong with it in a [DecodeError].
//   - So does a Reader, however much a message says that it would inflate to. A stream that
//     cannot be read any more is a [StreamError].
//
// # ETF
//
// Clients written in Erlang's languages match on atoms, so what the protocol names is an
// atom: the type of an event, null as nil, true, false, and each key that looks like the
// name of a field: lower-case letters, digits and underscores, not a digit first. Other keys
// are binaries, and so are strings: who names keys must not fill a client's table of atoms.
//
// The protocol sends ids as integers or strings. Clients keep them as integers, so a string
// of digits that fits 64 bits is sent as one if its key is id or ids, ends with _id or _ids,
// or is a list of ids by the protocol (such as roles). session_id, custom_id and sync_id are
// not ids of this kind. What clients send may have either.
//
// # Concurrency
//
// A Writer and a Reader belong to one connection, one goroutine at a time. Everything else may be used
// by several.
//
// # Failure
//
// An event whose data is no JSON, or is nested deeper than 100, fails for every session with
// the same [DataError], found once. So it is in ETF if a number does not fit (614 digits,
// or 64 bits of floating point) or an object has a key twice.
package encoding

// Package cloudhttp reads CloudEvents 1.0 from the header and the body of an HTTP
// request, as CloudEvents' HTTP binding (version 1.0.2) lays them out.
//
//	binary      attributes in ce-* headers, data in the body    any Content-Type, or none
//	structured  one event                                       application/cloudevents+json
//	batched     any number of events                            application/cloudevents-batch+json
//
// Structured and batched also in protobuf: application/cloudevents+protobuf and
// application/cloudevents-batch+protobuf.
//
// How attributes become an event says event.ParseCloudEvent.
//
// # Guarantees
//
//   - A request is read whole or not at all.
//   - In binary mode the body is the Data, byte for byte, and the Content-Type the
//     DataType. Header values are unquoted, and percent-decoded once. A percent sign
//     that begins no encoded byte stands for itself: some senders do not encode.
//
// # Concurrency
//
// There is no state: everything may be called at once.
//
// # Failure
//
// A Content-Type that is none of these is an *UnsupportedError. What is no event is an
// event.ErrParse that names the attribute, a batch of too many an
// *eventnode.LimitError.
//
// # Example
//
//	mode, err := cloudhttp.ModeOf(r.Header)
//	...
//	events, err := cloudhttp.Read(mode, r.Header, body, 1000)
package cloudhttp

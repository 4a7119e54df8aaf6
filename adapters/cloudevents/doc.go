// Package cloudevents converts between event.Event and the event of CloudEvents' Go SDK
// (github.com/cloudevents/sdk-go/v2). It is a module of its own, so that only who uses
// it carries the SDK along. To post CloudEvents to a node over HTTP nothing of it is
// needed: see docs/protocol.md.
//
// # Guarantees
//
//   - What ToSDK has made, FromSDK turns back into the same event. (Between the two the
//     SDK's structured mode, which is json.Marshal, takes spaces out of data that is JSON.)
//   - What FromSDK has made has every attribute, and the data byte for byte. ToSDK turns
//     it back into the same event of the SDK, but for the Go types of extensions: they
//     are strings then, in CloudEvents' canonical form.
//   - Both read and write the attributes as event.ParseCloudEvent and
//     Event.CloudAttributes do.
//
// # Concurrency
//
// There is no state. The data is shared and not copied: nobody may change it.
//
// # Failure
//
// Every error is event.ErrInvalid or event.ErrParse, and names the attribute.
//
// # Example
//
//	e, err := cloudevents.FromSDK(received)
//	...
//	position, err := streams.Publish(ctx, "orders", e, eventnode.WithDedupe())
package cloudevents

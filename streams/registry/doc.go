// Package registry is the list of the streams that a program uses, said once, in
// code or in YAML, and declared when it starts.
//
//	r := registry.New()
//	r.Register("stream-a", "default", []string{"read-group-a", "read-group-ab"})
//	r.Register("stream-b", "default", []string{"read-group-ab"})
//	err := r.Declare(ctx, client.Streams(), client.Consumers())
//
// The same in YAML, where the first words are pools:
//
//	default:
//	  streams:
//	    stream-a:
//	      - read-group-a
//	      - read-group-ab
//	    stream-b:
//	      - read-group-ab
//
// A group may be more than its name, where the defaults do not do (RegisterGroup in
// code):
//
//	stream-a:
//	  - name: read-group-a
//	    keyed: true
//	    ack_wait: 30s
//	    max_deliver: 5       # or never
//	    backoff: 1s
//	    backoff_max: 5m
//	    from: newest         # or oldest
//
// A pool may also say where its streams are kept: "replicas: 3", and "labels:" that
// nodes must have; see eventnode.Pool.
//
// # Guarantees
//
// A stream is named once over all pools. Every instance of a service may declare
// the same registry when it starts; pools and groups that are new are added, and
// nothing else is ever changed: a group that is there and served in another way is
// eventnode.ErrConsumerGroupDiffers. Nothing is declared unless all of the registry is valid.
//
// # Concurrency
//
// A Registry belongs to one goroutine until it is complete; then it may be shared.
//
// # Failure
//
// Register remembers what is wrong, and Validate and Declare return it: a stream
// that was registered before is eventnode.ErrStreamExists, everything else
// eventnode.ErrInvalidArgument. What is wrong with YAML is a *ParseError with the
// line.
package registry

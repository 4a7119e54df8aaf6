// Package inbox is what requests and replies are made of: the topic that replies go to, the
// metadata that says so, and the book of who waits for them.
//
//	requester                                        replier
//	   │ topic:prices  Meta: eventnodereplyto=reply:K3…, eventnoderequest=Q7…
//	   ├──────────────────────────────────────────────►│
//	   │        reply:K3…  Meta: eventnoderequest=Q7…  │
//	   │◄──────────────────────────────────────────────┤
//
// # Guarantees
//
//   - A topic made by [NewTopic], and an ID made by [NewID], cannot be guessed: they have
//     128 random bits or more.
//   - A [Call] yields the replies that were put to it in their order, each once, then why
//     there are no more. It holds no more of them than its bounds.
//   - A reply that no call waits for changes nothing but a count.
//
// # Concurrency
//
// Functions are pure. A [Desk] and its calls have one lock, which is their owner's.
//
// # Failure
//
// What comes from others is refused with an error that says what is wrong with it.
//
// # Example
//
//	c := desk.Open(inbox.NewID(), 1)
//	...
//	desk.Deliver(ev)      // when something came to the inbox
//	reply, end := c.Next() // when c.Wake says so
package inbox

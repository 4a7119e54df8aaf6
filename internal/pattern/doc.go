// Package pattern says which topics a pattern stands for.
//
// A topic is "kind:key", and its key is a sequence of tokens between dots. In a pattern
// the token * stands for any one token, and > as the last token for one or more. A pattern
// and a topic must have the same kind. They are the wildcards of NATS.
//
//	topic:orders.*      topic:orders.eu, not topic:orders, not topic:orders.eu.paid
//	topic:*.paid        topic:orders.paid
//	topic:orders.>      topic:orders.eu, topic:orders.eu.paid, not topic:orders
//	topic:>             all topics of the kind "topic"
//
// A token that merely contains * or > is as it stands: "topic:a*" is a topic. An empty token
// ("topic:a..b") is a token like others.
//
// # Guarantees
//
//   - A [Tree] finds exactly the patterns for which [Match] holds, each once.
//   - The time to find them depends on how many tokens the patterns have and how many match,
//     not on how many patterns there are.
//   - A Tree keeps nothing of a pattern that was removed.
//
// # Concurrency
//
// A Tree is safe for concurrent use. Finding takes a read lock, and none if there is no
// pattern at all; it allocates nothing but what does not fit into dst.
//
// # Failure
//
// There is none: [Check] says beforehand what is wrong with a pattern.
//
// # Example
//
//	var t pattern.Tree
//	t.Add("topic:orders.*")
//	t.Append(nil, "topic:orders.eu") // ["topic:orders.*"]
package pattern

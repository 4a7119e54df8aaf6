// Package access says who may do what: principals, each with tokens, operations, and the
// names (of topics, streams, groups, locks, sources) that these may be done with. The rules
// are a YAML file:
//
//	principals:
//	  - name: billing
//	    sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
//	    allow:
//	      - operations: [publish, read, consume]
//	        streams: [orders., "shop/"]
//	      - operations: [dispatch, subscribe]
//	        topics: ["topic:orders."]
//	      - operations: [inspect]
//
// A token is the caller's; the file has its SHA-256 (or, with tokens: [TEXT], itself). A
// rule allows its operations with all names that start with one of its prefixes, or, if it
// has no list at all, with any name. What no rule allows is refused.
//
// # Guarantees
//
//   - A name is compared by its letters: the prefix "orders" allows "orders.eu" and
//     "ordersx". A pattern is a name: what it matches starts with what stands before its
//     first wildcard, so no pattern reaches beyond a prefix that it starts with.
//   - An operation over all names of a kind needs a rule without that bound.
//   - Neither tokens nor what a caller sent as one are in any error.
//
// # Concurrency
//
// A Policy does not change once it is made, and is safe for concurrent use.
//
// # Failure
//
// Parse says which line is wrong. A refusal is eventnode.ErrPermissionDenied and names the
// principal, the operation and the name.
//
// # Example
//
//	policy, err := access.Parse("tokens.yaml", text)
//	...
//	who, ok := policy.Of(token)
//	...
//	err = who.May(access.Use{Operation: access.Publish, Names: []string{"orders.eu"}})
package access

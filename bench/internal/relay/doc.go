// Package relay is the limit of the wire: bare gRPC streams that carry large
// frames of bytes over the hops that an event takes (publisher, node 1, node 2,
// subscriber, a process each), and nothing else. Nobody looks into a frame.
//
// It uses the transport's settings that the project's links use, so that what
// eventnode reaches can be read as a share of what gRPC could carry.
package relay

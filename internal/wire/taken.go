package wire

import "google.golang.org/grpc"

// Taken waits until the server says by a header that it has taken a stream. If the
// stream ended without one, it says why.
func Taken(stream grpc.ClientStream) error {
	header, err := stream.Header()
	if err == nil && header == nil { // it has ended
		err = stream.RecvMsg(&Frame{})
	}
	return err
}

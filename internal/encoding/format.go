package encoding

import "fmt"

// Format is how a payload is written.
type Format uint8

// The formats of the protocol.
const (
	// JSON is text.
	JSON Format = iota
	// ETF is Erlang's external term format.
	ETF
)

var formatNames = [...]string{JSON: "json", ETF: "etf"}

func (f Format) String() string {
	if int(f) < len(formatNames) {
		return formatNames[f]
	}
	return fmt.Sprintf("format %d", uint8(f))
}

// ParseFormat reads the encoding that a client asks for.
func ParseFormat(s string) (Format, error) {
	for f, name := range formatNames {
		if s == name {
			return Format(f), nil
		}
	}
	return 0, fmt.Errorf("there is no encoding %q: ask for json or etf", s)
}

// Compression is what is done to payloads that go to a client.
type Compression uint8

// The compressions of the protocol.
const (
	// None: a message is the payload.
	None Compression = iota
	// ZlibPayload: each message is a zlib stream of its own. A client asks for it with
	// compress in IDENTIFY, which the protocol has for JSON only.
	ZlibPayload
	// ZlibStream: a connection is one zlib stream, flushed with each message.
	ZlibStream
	// ZstdStream: a connection is one zstd frame that does not end, flushed with each
	// message.
	ZstdStream
)

var compressionNames = [...]string{None: "", ZlibPayload: "zlib-payload", ZlibStream: "zlib-stream", ZstdStream: "zstd-stream"}

func (c Compression) String() string {
	switch {
	case c == None:
		return "none"
	case int(c) < len(compressionNames):
		return compressionNames[c]
	default:
		return fmt.Sprintf("compression %d", uint8(c))
	}
}

// ParseCompression reads the compression of the transport that a client asks for: empty
// stands for none.
func ParseCompression(s string) (Compression, error) {
	for _, c := range []Compression{None, ZlibStream, ZstdStream} {
		if s == compressionNames[c] {
			return c, nil
		}
	}
	return 0, fmt.Errorf("there is no compression %q: ask for zlib-stream, zstd-stream or nothing", s)
}

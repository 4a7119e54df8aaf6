package cloudhttp

import (
	"fmt"
	"mime"
	"net/http"
	"strings"
)

// Mode is how a request carries events.
type Mode uint8

// The modes.
const (
	Binary Mode = iota + 1
	Structured
	Batched
	ProtoStructured
	ProtoBatched
)

// String returns the mode's name in the binding.
func (m Mode) String() string {
	switch m {
	case Binary:
		return "binary"
	case Structured:
		return "structured"
	case Batched:
		return "batched"
	case ProtoStructured:
		return "structured, protobuf"
	case ProtoBatched:
		return "batched, protobuf"
	}
	return "unknown"
}

const (
	mediaEvent = "application/cloudevents"
	mediaBatch = "application/cloudevents-batch"
	prefix     = "Ce-" // as net/http writes it
)

// UnsupportedError is about a request whose header says that it is in no form that is
// read here.
type UnsupportedError struct{ Reason string }

// Error says what the header has, and what it should have.
func (e *UnsupportedError) Error() string { return e.Reason }

// ModeOf tells a request's mode by its header. Every error is an *UnsupportedError.
func ModeOf(h http.Header) (Mode, error) {
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return 0, &UnsupportedError{fmt.Sprintf("Content-Encoding is %.40q: send the body as it is", encoding)}
	}
	content := h.Get("Content-Type")
	if len(content) < len(mediaEvent) || !strings.EqualFold(content[:len(mediaEvent)], mediaEvent) {
		if !hasAttributes(h) {
			return 0, &UnsupportedError{fmt.Sprintf("no CloudEvent: there are no ce-* headers, and Content-Type is %.80q, "+
				"neither %s+json nor %s+json", content, mediaEvent, mediaBatch)}
		}
		return Binary, nil
	}
	base, params, err := mime.ParseMediaType(content)
	charset := params["charset"]
	switch {
	case err != nil:
		return 0, &UnsupportedError{fmt.Sprintf("Content-Type %.80q is malformed: %v", content, err)}
	case charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "us-ascii"):
		return 0, &UnsupportedError{fmt.Sprintf("charset is %.40q: what is text here is UTF-8", charset)}
	case base == mediaEvent+"+json":
		return Structured, nil
	case base == mediaBatch+"+json":
		return Batched, nil
	case base == mediaEvent+"+protobuf":
		return ProtoStructured, nil
	case base == mediaBatch+"+protobuf":
		return ProtoBatched, nil
	}
	return 0, &UnsupportedError{fmt.Sprintf("Content-Type is %.80q: of CloudEvents' formats JSON and protobuf are read here, %s+json, %[2]s+protobuf, %s+json and %[3]s+protobuf",
		base, mediaEvent, mediaBatch)}
}

// hasAttributes reports whether there is a header that names an attribute.
func hasAttributes(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

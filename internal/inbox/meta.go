package inbox

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/eventnode/eventnode/event"
)

// The names in an event's Meta. They are lower case letters, so that they are names of
// CloudEvents extensions as they stand. docs/protocol.md says the same for other languages.
const (
	// MetaReplyTo is the topic that a request's replies go to.
	MetaReplyTo = "eventnodereplyto"
	// MetaRequest is the request's ID; a reply has that of the request that it answers.
	MetaRequest = "eventnoderequest"
	// MetaError is there if a reply is an error: its text.
	MetaError = "eventnodeerror"
	// MetaEnd is there if a replier says that no reply follows: EndLast or EndOnly.
	MetaEnd = "eventnodeend"
)

// The values of MetaEnd. What else stands there is EndLast.
const (
	EndLast = "last" // this is the last reply
	EndOnly = "only" // this is no reply, only their end
)

// Bounds of what is written, and of what is taken.
const (
	MaxID        = 64   // bytes of a request's ID
	MaxErrorText = 1024 // bytes of MetaError
)

// Request is what makes an event a request.
type Request struct {
	// ReplyTo is the topic that replies go to.
	ReplyTo string
	// ID is what they name.
	ID string
}

// ParseRequest reads a request's Meta. Not ok: it is an event like others, which nobody
// wants a reply to.
func ParseRequest(meta map[string]string) (r Request, ok bool, err error) {
	to, ok := meta[MetaReplyTo]
	if !ok {
		return Request{}, false, nil
	}
	if err := checkTopic(to); err != nil {
		return Request{}, true, err
	}
	id := meta[MetaRequest]
	if id == "" || len(id) > MaxID {
		return Request{}, true, fmt.Errorf("%s has 1 to %d bytes, not %d: %w", MetaRequest, MaxID, len(id), event.ErrInvalid)
	}
	return Request{ReplyTo: to, ID: id}, true, nil
}

// Mark returns an event as the request.
func (r Request) Mark(ev event.Event) event.Event {
	ev.Meta = clean(ev.Meta, 2)
	ev.Meta[MetaReplyTo], ev.Meta[MetaRequest] = r.ReplyTo, r.ID
	return ev
}

// Reply returns an event as a reply to the request.
func (r Request) Reply(ev event.Event) event.Event {
	ev.Meta = clean(ev.Meta, 1)
	ev.Meta[MetaRequest] = r.ID
	return ev
}

// The names of replies that no application made.
const (
	nameError = "request_failed"
	nameEnd   = "request_ended"
)

// Fail returns a reply that is an error; last: no reply follows.
func (r Request) Fail(text string, last bool) event.Event {
	meta := map[string]string{MetaRequest: r.ID, MetaError: bounded(text)}
	if last {
		meta[MetaEnd] = EndLast
	}
	return event.New(nameError, nil, event.WithMeta(meta))
}

// End returns what says that no reply follows.
func (r Request) End() event.Event {
	return event.New(nameEnd, nil, event.WithMeta(map[string]string{MetaRequest: r.ID, MetaEnd: EndOnly}))
}

// clean copies metadata without what is said here, with room for some more.
func clean(meta map[string]string, room int) map[string]string {
	own := make(map[string]string, len(meta)+room)
	for key, value := range meta {
		switch key {
		case MetaReplyTo, MetaRequest, MetaError, MetaEnd:
		default:
			own[key] = value
		}
	}
	return own
}

// bounded is a text of at most MaxErrorText bytes, in UTF-8.
func bounded(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= MaxErrorText {
		return text
	}
	const dots = "…"
	n := MaxErrorText - len(dots)
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + dots
}

// Reply is what came to an inbox.
type Reply struct {
	// Event is the reply; it counts for nothing if Only is set.
	Event event.Event
	// Failed: it is an error, and Text says which.
	Failed bool
	Text   string
	// Last: no reply follows. Only: this is none either.
	Last, Only bool
}

// parseReply reads a reply's Meta. Not ok: it does not say what it is a reply to.
func parseReply(ev event.Event) (id string, r Reply, ok bool) {
	id = ev.Meta[MetaRequest]
	if id == "" || len(id) > MaxID {
		return "", Reply{}, false
	}
	r.Event = ev
	if text, failed := ev.Meta[MetaError]; failed {
		r.Failed, r.Text = true, bounded(text)
	}
	if end, ended := ev.Meta[MetaEnd]; ended {
		r.Last, r.Only = true, end == EndOnly && !r.Failed
	}
	return id, r, true
}

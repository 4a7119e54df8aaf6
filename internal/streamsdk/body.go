package streamsdk

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// The media types that PublishBody writes.
const (
	typeJSON     = "application/json"
	typeProtobuf = "application/protobuf"
	typeBytes    = "application/octet-stream"
)

// compose makes an event of a body and of meta, keys and values in turn.
func compose(stream string, body any, meta []string) (event.Event, error) {
	data, dataType, err := encode(body)
	if err != nil {
		return event.Event{}, err
	}
	m, err := pairs(meta)
	if err != nil {
		return event.Event{}, err
	}
	return event.New(stream, data, event.WithMeta(m), event.WithDataType(dataType)), nil
}

// encode writes a body.
func encode(body any) (data []byte, dataType string, err error) {
	switch b := body.(type) {
	case nil:
		return nil, "", nil
	case []byte:
		return append([]byte(nil), b...), typeBytes, nil
	case event.Event, *event.Event:
		return nil, "", fmt.Errorf("body is an event: publish it as one, not as the body of another: %w", eventnode.ErrInvalidArgument)
	case proto.Message:
		data, err = proto.MarshalOptions{Deterministic: true}.Marshal(b)
		dataType = fmt.Sprintf("%s; messageType=%q", typeProtobuf, b.ProtoReflect().Descriptor().FullName())
	default:
		data, err = json.Marshal(body)
		dataType = typeJSON
	}
	if err != nil {
		return nil, "", fmt.Errorf("body of type %T: %w: %w", body, eventnode.ErrInvalidArgument, err)
	}
	return data, dataType, nil
}

// pairs makes a map of keys and values in turn.
func pairs(meta []string) (map[string]string, error) {
	if len(meta)%2 != 0 {
		return nil, fmt.Errorf("meta is keys and values in turn, got %d of them, the last is %.80q: %w",
			len(meta), meta[len(meta)-1], eventnode.ErrInvalidArgument)
	}
	if len(meta) == 0 {
		return nil, nil
	}
	m := make(map[string]string, len(meta)/2)
	for i := 0; i < len(meta); i += 2 {
		if _, twice := m[meta[i]]; twice {
			return nil, fmt.Errorf("meta has the key %.80q twice: %w", meta[i], eventnode.ErrInvalidArgument)
		}
		m[meta[i]] = meta[i+1]
	}
	return m, nil
}

// check returns what is wrong with an event, without knowing the node and its
// limits.
func check(ev *event.Event) error {
	if err := ev.Validate(); err != nil {
		return err
	}
	for key := range ev.Meta {
		if strings.HasPrefix(key, eventnode.ReservedMeta) {
			return fmt.Errorf("%w: %w", eventnode.ErrInvalidEvent, &event.InvalidError{Field: "meta", Reason: fmt.Sprintf(
				"has the key %.80q: keys that begin with %q are the project's own", key, eventnode.ReservedMeta)})
		}
	}
	return nil
}

// maxName bounds a stream's name, in bytes.
const maxName = 255

// check returns what is wrong with an event for a stream, without knowing the node.
func (s *Streams) check(stream string, ev *event.Event) error {
	if err := s.checkName(stream); err != nil {
		return err
	}
	return check(ev)
}

// checkName returns what is wrong with a stream's name, as far as can be said here.
func (s *Streams) checkName(stream string) error {
	switch {
	case stream == "":
		return fmt.Errorf("the stream has no name: %w", eventnode.ErrInvalidArgument)
	case len(stream) > maxName:
		return &eventnode.LimitError{Limit: "max_name_bytes", Max: maxName, Got: len(stream)}
	case !utf8.ValidString(stream), !utf8.ValidString(s.cfg.Namespace):
		return fmt.Errorf("the name of stream %.80q in namespace %.80q is not UTF-8: %w", stream, s.cfg.Namespace, eventnode.ErrInvalidArgument)
	}
	return nil
}

package state

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// hasUnknown reports whether a message, or one in it, has a field that this
// version does not know.
func hasUnknown(m protoreflect.Message) bool {
	found := len(m.GetUnknown()) > 0
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				found = found || hasUnknown(v.List().Get(i).Message())
			}
		default: // there are no maps
			found = found || hasUnknown(v.Message())
		}
		return !found
	})
	return found
}

// publishHasUnknown is hasUnknown for the head of a Publish, ten times as fast: it
// names what is in one.
func publishHasUnknown(p *storagev1.Publish) bool {
	return len(p.ProtoReflect().GetUnknown())+len(p.GetProducer().ProtoReflect().GetUnknown())+
		len(p.GetExpectLast().ProtoReflect().GetUnknown()) > 0
}

func unknown(m proto.Message) error {
	return fmt.Errorf("%w: %s has a field that this version does not know", ErrEntry, m.ProtoReflect().Descriptor().Name())
}

package convert

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// fill gives every field of a message a value of its own, two to a list.
func fill(m protoreflect.Message, next *int) {
	if d, ok := m.Interface().(*durationpb.Duration); ok {
		*next++
		proto.Merge(d, durationpb.New(time.Duration(*next)*time.Millisecond))
		return
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.IsMap() {
			key := filled(f.MapKey(), f.MapKey().Default(), next).MapKey()
			m.Mutable(f).Map().Set(key, filled(f.MapValue(), f.MapValue().Default(), next))
			continue
		}
		if !f.IsList() {
			m.Set(f, filled(f, m.NewField(f), next))
			continue
		}
		l := m.Mutable(f).List()
		l.Append(filled(f, l.NewElement(), next))
		l.Append(filled(f, l.NewElement(), next))
	}
}

// filled is a value that is not its type's zero; v is a new one.
func filled(f protoreflect.FieldDescriptor, v protoreflect.Value, next *int) protoreflect.Value {
	*next++
	switch f.Kind() {
	case protoreflect.MessageKind:
		fill(v.Message(), next)
		return v
	case protoreflect.EnumKind:
		numbers := f.Enum().Values()
		return protoreflect.ValueOfEnum(numbers.Get(1 + *next%(numbers.Len()-1)).Number())
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.StringKind:
		return protoreflect.ValueOfString("s" + string(rune('0'+*next)))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{byte(*next)})
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(uint32(*next))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(uint64(*next))
	default:
		return v // the comparison tells
	}
}

// zeroFields lists the fields of a value, at any depth, that are zero.
func zeroFields(path string, v reflect.Value) (zero []string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			zero = append(zero, zeroFields(path+"."+v.Type().Field(i).Name, v.Field(i))...)
		}
	case reflect.Slice:
		for i := range v.Len() {
			zero = append(zero, zeroFields(path+"[]", v.Index(i))...)
		}
	default: // has no fields
	}
	if v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 {
		zero = append(zero, path)
	}
	return zero
}

// roundTrip checks one kind of value: every field of its message comes back,
// every field of the value is set by a message with all its fields, and what an
// empty message says comes back.
func roundTrip[V any, M proto.Message](read func(M) V, write func(V) M) func(*testing.T) {
	return func(t *testing.T) {
		var none M
		full := none.ProtoReflect().New()
		fill(full, new(int))
		v := read(full.Interface().(M))
		if got := write(v); !proto.Equal(got, full.Interface()) {
			t.Errorf("read and written:\n%v\nwas\n%v", got, full.Interface())
		}
		if zero := zeroFields("", reflect.ValueOf(v)); zero != nil {
			t.Errorf("%+v: not read: %v", v, zero)
		}
		if again := read(write(v)); !reflect.DeepEqual(again, v) {
			t.Errorf("written and read: %+v, was %+v", again, v)
		}
		bare := read(none.ProtoReflect().New().Interface().(M))
		if again := read(write(bare)); !reflect.DeepEqual(again, bare) {
			t.Errorf("of nothing: %+v, was %+v", again, bare)
		}
	}
}

// one makes the conversion of an element out of that of a list.
func one[A, B any](f func([]A) []B) func(A) B {
	return func(a A) B { return f([]A{a})[0] }
}

// A value that was written is read as the same value.
func TestRoundTrips(t *testing.T) {
	t.Run("Receipt", roundTrip(ReceiptFromProto, ReceiptToProto))
	t.Run("Gap", roundTrip(GapFromProto, GapToProto))
	t.Run("Gaps", roundTrip(one(GapsFromProto), one(GapsToProto)))
	t.Run("SubscriptionInfo", roundTrip(one(SubscriptionsFromProto), one(SubscriptionsToProto)))
	t.Run("MemberRef", roundTrip(MemberRefFromProto, MemberRefToProto))
	t.Run("Membership", roundTrip(one(MembershipsFromProto), one(MembershipsToProto)))
	t.Run("GroupSize", roundTrip(one(GroupSizesFromProto), one(GroupSizesToProto)))
	t.Run("NodeInfo", roundTrip(one(NodesFromProto), one(NodesToProto)))
	t.Run("Status", roundTrip(StatusFromProto, StatusToProto))
	ids := []eventnode.NodeID{"b", "a", "b"}
	if got := NodeIDsFromProto(NodeIDsToProto(ids)); !reflect.DeepEqual(got, ids) {
		t.Errorf("NodeIDs: %v, was %v", got, ids)
	}
}

// enum checks one kind of number against its words: every number that the
// protocol has is read as a value of its own and written as itself, but for the
// unspecified one, and those that it will have some day are read as absent says.
func enum[N ~int32, V comparable](numbers map[int32]string, read func(N) V, write func(V) N, unspecified, later V) func(*testing.T) {
	return func(t *testing.T) {
		if got := read(0); got != unspecified {
			t.Errorf("%s is %v, want %v", numbers[0], got, unspecified)
		}
		seen := map[V]string{}
		for n, name := range numbers {
			if n == 0 {
				continue
			}
			v := read(N(n))
			if other, ok := seen[v]; ok || v == later {
				t.Errorf("%s is %v, as is %s", name, v, other)
			}
			seen[v] = name
			if got := write(v); got != N(n) {
				t.Errorf("%s is %v, which is written as %v", name, v, got)
			}
		}
		for _, n := range []int32{-1, int32(len(numbers)), 99, 256, 257, 1<<31 - 1} {
			if got := read(N(n)); got != later {
				t.Errorf("%d is %v, want %v", n, got, later)
			}
		}
	}
}

// refused stands for eventnode.ErrInvalidArgument.
const refused = 255

// orRefused makes an error a value.
func orRefused[N ~int32, V ~uint8](t *testing.T, read func(N) (V, error)) func(N) V {
	return func(n N) V {
		v, err := read(n)
		if err != nil && !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%d: %v", n, err)
		}
		if err != nil {
			return refused
		}
		return v
	}
}

// What asks for something is refused if it is not known; what tells something is
// read as well as possible.
func TestEnums(t *testing.T) {
	t.Run("Policy", enum(eventnodev1.Policy_name, orRefused(t, PolicyFromProto), PolicyToProto, eventnode.PolicyDropOldest, refused))
	t.Run("policy names", enum(eventnodev1.Policy_name, policyName, policyFromName, "drop_oldest", unknown))
	t.Run("Strategy", enum(eventnodev1.Strategy_name, orRefused(t, StrategyFromProto), StrategyToProto, eventnode.PickRandom, refused))
	t.Run("GapReason", enum(eventnodev1.GapReason_name, gapReasonFromProto, gapReasonToProto, eventnode.GapUnspecified, eventnode.GapUnspecified))
	t.Run("NodeState", enum(eventnodev1.NodeState_name, nodeStateFromProto, nodeStateToProto, unknown, unknown))
	t.Run("LinkState", enum(eventnodev1.LinkState_name, linkStateFromProto, linkStateToProto, unknown, unknown))
}

// A program may ask for what this version does not know: the node refuses it,
// and must not take it for something else.
func TestUnknownValuesAreNotKnownToTheNode(t *testing.T) {
	for v := range 256 {
		known := v <= int(eventnode.PolicyBlock)
		if p, err := PolicyFromProto(PolicyToProto(eventnode.Policy(v))); (err == nil) != known || known && int(p) != v {
			t.Errorf("policy %d became %v, %v", v, p, err)
		}
		known = v <= int(eventnode.PickHash)
		if s, err := StrategyFromProto(StrategyToProto(eventnode.Strategy(v))); (err == nil) != known || known && int(s) != v {
			t.Errorf("strategy %d became %v, %v", v, s, err)
		}
		known = v <= int(eventnode.GapReconnected)
		if r := gapReasonFromProto(gapReasonToProto(eventnode.GapReason(v))); known && int(r) != v || !known && r != eventnode.GapUnspecified {
			t.Errorf("reason %d became %v", v, r)
		}
	}
	for _, word := range []string{"", unknown, "ALIVE", "soft"} {
		if p, n, l := policyFromName(word), nodeStateToProto(word), linkStateToProto(word); p != 0 || n != 0 || l != 0 {
			t.Errorf("%q is %v, %v, %v", word, p, n, l)
		}
	}
}

// An absent count is unknown; a count of none is known.
func TestGapCounts(t *testing.T) {
	zero := uint64(0)
	for _, m := range []*eventnodev1.Gap{{}, {Count: &zero}} {
		g := GapFromProto(m)
		if g.Known != (m.Count != nil) || !proto.Equal(GapToProto(g), m) {
			t.Errorf("%v became %+v", m, g)
		}
	}
	if m := GapToProto(eventnode.Gap{Count: 7}); m.Count != nil {
		t.Errorf("a count that is not known was written: %v", m)
	}
}

// An empty list is nil, in both directions, and absent messages are zero values.
func TestNothing(t *testing.T) {
	for what, isNil := range map[string]bool{
		"NodeIDsToProto":         NodeIDsToProto([]eventnode.NodeID{}) == nil,
		"NodeIDsFromProto":       NodeIDsFromProto([]string{}) == nil,
		"GapsToProto":            GapsToProto([]eventnode.Gap{}) == nil,
		"MembershipsFromProto":   MembershipsFromProto([]*eventnodev1.GroupMember{}) == nil,
		"SubscriptionsFromProto": SubscriptionsFromProto([]*eventnodev1.SubscriptionInfo{}) == nil,
	} {
		if !isNil {
			t.Errorf("%s of nothing is not nil", what)
		}
	}
	if v := ReceiptFromProto(nil); v.Reached != 0 || v.Nodes != nil {
		t.Errorf("receipt: %+v", v)
	}
	if v := MemberRefFromProto(nil); v != (eventnode.MemberRef{}) {
		t.Errorf("member: %+v", v)
	}
	if v := StatusFromProto(nil); !reflect.DeepEqual(v, eventnode.Status{}) {
		t.Errorf("status: %+v", v)
	}
}

// Of a node's error in a receipt the text is left, and whether the event was surely not sent.
func TestReceiptErrors(t *testing.T) {
	for _, err := range []error{eventnode.ErrUnavailable, fmt.Errorf("n2: %w", eventnode.ErrUnavailable), eventnode.ErrOutcomeUnknown, errors.New("unavailable")} {
		got := ReceiptFromProto(ReceiptToProto(eventnode.Receipt{Nodes: []eventnode.NodeReceipt{{Node: "n2", Err: err}}})).Nodes[0].Err
		if got.Error() != err.Error() || errors.Is(got, eventnode.ErrUnavailable) != errors.Is(err, eventnode.ErrUnavailable) {
			t.Errorf("%v has become %v", err, got)
		}
	}
}

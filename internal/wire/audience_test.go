package wire

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// An audience is read back as it was written; more groups or nodes than there may be are
// malformed, and so is text that is not UTF-8.
func TestAudience(t *testing.T) {
	var groups, tried []string
	for i := range MaxAudienceGroups {
		groups = append(groups, fmt.Sprint("g", i))
	}
	for i := range MaxAudienceTried {
		tried = append(tried, fmt.Sprint("n", i))
	}
	for _, a := range []Audience{{}, {Plain: true}, {Groups: []string{"g", ""}}, {groups, true, tried}} {
		if got, err := ParseAudience(a.Append(nil)); err != nil || !reflect.DeepEqual(got, a) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	later := protowire.AppendVarint(protowire.AppendTag(nil, 9, protowire.VarintType), 1)
	if got, err := ParseAudience(append(later, Audience{Plain: true}.Append(nil)...)); err != nil || !got.Plain {
		t.Errorf("with a field of a later version: %+v, %v", got, err)
	}
	for what, a := range map[string]Audience{
		"groups": {Groups: append(groups, "g")}, "nodes": {Tried: append(tried, "n")}, "text": {Groups: []string{"\xff"}},
	} {
		if _, err := ParseAudience(a.Append(nil)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Whatever bytes arrive, an audience that is read is the one that protobuf reads.
func FuzzAudience(f *testing.F) {
	f.Add(Audience{Groups: []string{"g"}, Plain: true, Tried: []string{"n"}}.Append(nil))
	f.Add([]byte{0x10, 0x00, 0x0a, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := ParseAudience(b)
		if err != nil {
			return
		}
		var want clusterv1.Audience
		if err := proto.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		if got.Plain != want.GetPlain() || !slices.Equal(got.Groups, want.GetGroups()) || !slices.Equal(got.Tried, want.GetTried()) {
			t.Fatalf("%+v\n%v", got, &want)
		}
	})
}

package cloudevents_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	protoform "github.com/cloudevents/sdk-go/binding/format/protobuf/v2"
	"github.com/cloudevents/sdk-go/binding/format/protobuf/v2/pb"
	sdk "github.com/cloudevents/sdk-go/v2/event"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode/adapters/cloudevents"
	"github.com/eventnode/eventnode/event"
)

// What the SDK writes in protobuf is read as what it was made of, and the SDK reads what
// this project writes in protobuf: random events, both ways.
func TestProtobufBothWays(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	done := 0
	for range 5000 {
		e := random(r)
		if e.DataType == "" {
			e.DataType = event.Protobuf // the SDK reads what has no type as JSON
		}
		ce, err := cloudevents.ToSDK(e)
		if err != nil {
			continue // the SDK takes less than this project: TestToSDK
		}
		e.Time = timeOf(e)
		theirs, err := protoform.Protobuf.Marshal(&ce)
		if err != nil {
			t.Fatalf("seed %d: %+v: %v", seed, e, err)
		}
		back, err := event.ParseCloudEventProto(theirs)
		same(t, seed, "what the SDK wrote", e, back, err)
		ours, err := e.MarshalCloudEventProto()
		if err != nil {
			t.Fatalf("seed %d: %+v: %v", seed, e, err)
		}
		var read sdk.Event
		if err := protoform.Protobuf.Unmarshal(ours, &read); err != nil {
			t.Fatalf("seed %d: %+v: %v", seed, e, err)
		}
		back, err = cloudevents.FromSDK(read)
		same(t, seed, "what the SDK read", e, back, err)
		done++
	}
	if done < 1000 {
		t.Errorf("seed %d: only %d events were compared", seed, done)
	}
}

// The SDK's own test events, which have an extension of each type, are read from its
// protobuf and its JSON as FromSDK reads them.
func TestSDKSamples(t *testing.T) {
	for _, ce := range samples(t, "form") {
		want, err := cloudevents.FromSDK(ce)
		if err != nil {
			t.Fatal(err)
		}
		inProto, err := protoform.Protobuf.Marshal(&ce)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := event.ParseCloudEventProto(inProto); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("protobuf: %+v, %v\nwant %+v", got, err, want)
		}
		inJSON, err := json.Marshal(ce)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := event.ParseCloudEvent(inJSON); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("JSON: %+v, %v\nwant %+v", got, err, want)
		}
	}
}

// agree fails if the SDK and this project have read the same bytes as different events.
func agree(t *testing.T, ce sdk.Event, got event.Event) {
	t.Helper()
	if ce.Validate() != nil || ce.Source() != got.Source || ce.DataSchema() != got.Meta["dataschema"] {
		return // it is no event to the SDK, or has a URI in the form of net/url
	}
	want, err := cloudevents.FromSDK(ce)
	if err != nil {
		return
	}
	got.Meta, want.Meta = lower(got.Meta), lower(want.Meta)
	if len(ce.Data()) == 0 || ce.DataContentType() == "" { // what has no type is JSON to the SDK
		want.DataType, got.DataType = "", ""
	}
	if want.Data = got.Data; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nthe SDK: %+v", got, want)
	}
}

// lower is meta as the SDK has it, which makes all names of extensions small; they are to be.
func lower(meta map[string]string) map[string]string {
	small := make(map[string]string, len(meta))
	for _, name := range slices.Sorted(maps.Keys(meta)) {
		if _, twice := small[strings.ToLower(name)]; twice {
			return nil // which of them it keeps is chance
		}
		if name != "subject" || meta[name] != "" { // the SDK has none rather than an empty one
			small[strings.ToLower(name)] = meta[name]
		}
	}
	return small
}

// Whatever bytes come: what this project and the SDK both take for an event in protobuf is
// the same one, with the same data.
func FuzzProtobufAgainstSDK(f *testing.F) {
	for _, ce := range samples(f, "fuzz") {
		b, err := protoform.Protobuf.Marshal(&ce)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := event.ParseCloudEventProto(b)
		if err != nil {
			return
		}
		var m pb.CloudEvent
		if err := proto.Unmarshal(b, &m); err != nil {
			t.Fatalf("it is no CloudEvent, and was taken for %+v: %v", got, err)
		}
		var ce sdk.Event
		if err := protoform.Protobuf.Unmarshal(b, &ce); err != nil {
			return // it takes less: a URI that net/url does not read
		}
		if _, text := m.GetData().(*pb.CloudEvent_TextData); !text && string(ce.Data()) != string(got.Data) { // text that is JSON it quotes again
			t.Errorf("data %q, the SDK: %q", got.Data, ce.Data())
		}
		agree(t, ce, got)
	})
}

// The same of JSON.
func FuzzJSONAgainstSDK(f *testing.F) {
	for _, ce := range samples(f, "fuzz") {
		b, err := json.Marshal(ce)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"specversion":"1.0","id":"1","source":"/s","type":"n","time":"2020-01-02T03:04:05.6+07:30","n":5,"b":true,"data_base64":"AAE="}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := event.ParseCloudEvent(b)
		if err != nil {
			return
		}
		var ce sdk.Event
		if err := json.Unmarshal(b, &ce); err != nil {
			return
		}
		agree(t, ce, got)
	})
}

// timeOf is the time of an event as it is read back: none is that of the ID.
func timeOf(e event.Event) (at time.Time) {
	if at = e.Time; at.IsZero() {
		at = event.TimeOf(e.ID)
	}
	return at
}

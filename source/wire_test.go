package source

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/eventnode/eventnode/event"
)

// N3: what travels is the name, the payload and where it comes from: source, shard, session
// and number. It is read back the same.
func TestWireForm(t *testing.T) {
	e := Event{
		Name: "READY", Data: json.RawMessage(`{"v":10}`),
		Origin: Origin{Source: "bot", Shard: 3, Shards: 16, Session: "abc", Seq: 18446744073709551615},
		Place:  Place{Part: 1, Parts: 2, After: 41},
	}
	live := e.toLive()
	if err := live.Validate(); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"source": "bot", "shard": "3", "shards": "16", "session": "abc", "seq": "18446744073709551615", "part": "1", "parts": "2", "after": "41"}
	if live.Name != "READY" || string(live.Data) != `{"v":10}` || live.Key != "3" || live.Source != "bot" || live.DataType != "application/json" || !reflect.DeepEqual(live.Meta, want) {
		t.Errorf("%+v", live)
	}
	if back, err := FromLive(live); err != nil || !reflect.DeepEqual(back, e) {
		t.Errorf("%+v, %v", back, err)
	}
	if again := e.toLive(); again.ID != live.ID {
		t.Error("said again it has another ID")
	}
	for what, change := range map[string]func(*Event){
		"part":    func(e *Event) { e.Place.Part = 0 },
		"seq":     func(e *Event) { e.Origin.Seq-- },
		"session": func(e *Event) { e.Origin.Session = "abd" },
		"shard":   func(e *Event) { e.Origin.Shard = 4 },
		"source":  func(e *Event) { e.Origin.Source = "bod" },
		"number":  func(e *Event) { e.Origin.Seq = 0 },
	} {
		other := e
		if change(&other); other.toLive().ID == live.ID {
			t.Errorf("with another %s it has the same ID", what)
		}
	}
	bare := Event{Name: "N", Origin: Origin{Source: "bot", Shards: 1}}
	if first, second := bare.toLive(), bare.toLive(); len(first.Meta) != 3 || first.ID == second.ID {
		t.Errorf("not numbered: %v, %v", first, second)
	}
}

// What others dispatch on the topic is told apart, and says why.
func TestForeignEvents(t *testing.T) {
	good := map[string]string{"source": "s", "shard": "0", "shards": "1", "seq": "1"}
	for key, bad := range map[string]string{
		"source": "a b", "shard": "1", "shards": "0", "seq": "-1", "part": "2", "parts": "x", "after": "18446744073709551616",
	} {
		meta := map[string]string{key: bad}
		for k, v := range good {
			if k != key {
				meta[k] = v
			}
		}
		_, err := FromLive(event.New("N", nil, event.WithMeta(meta)))
		if ee, ok := errors.AsType[*EventError](err); !ok || !errors.Is(err, ErrForeign) || ee.Reason == "" {
			t.Errorf("%s=%s: %v", key, bad, err)
		}
	}
	if _, err := FromLive(event.New("N", nil, event.WithMeta(good))); err != nil {
		t.Error(err)
	}
	if _, err := FromLive(event.New("N", nil)); !errors.Is(err, ErrForeign) {
		t.Error(err)
	}
}

// NO-T2: what is malformed is refused, and says which and why.
func TestMalformedEventsAreRefused(t *testing.T) {
	good := Event{Name: "N", Data: json.RawMessage(`1`), Origin: Origin{Source: "s", Shards: 1}}
	for what, change := range map[string]func(*Event){
		"no name":        func(e *Event) { e.Name = "" },
		"no source":      func(e *Event) { e.Origin.Source = "" },
		"another source": func(e *Event) { e.Origin.Source = "t" },
		"no shards":      func(e *Event) { e.Origin.Shards = 0 },
		"a shard behind": func(e *Event) { e.Origin.Shard = 1 },
		"negative":       func(e *Event) { e.Origin.Shard = -1 },
		"a part behind":  func(e *Event) { e.Place.Part = 1 },
		"no JSON":        func(e *Event) { e.Data = json.RawMessage(`{`) },
	} {
		bad := good
		change(&bad)
		err := check([]Event{good, bad}, "s", true)
		if ee, ok := errors.AsType[*EventError](err); !ok || ee.Index != 1 || !errors.Is(err, ErrInvalidEvent) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := check([]Event{good, good}, "s", true); err != nil {
		t.Error(err)
	}
}

// Whatever stands in an event of the topic, it is read or refused; what is read is written
// back the same.
func FuzzFromLive(f *testing.F) {
	f.Add("N", "s", "0", "1", "a", "1", "0", "1", "0", []byte(`{}`))
	f.Add("N", "s", "3", "16", "", "18446744073709551615", "1", "2", "7", []byte(``))
	f.Add("", "a:b", "-1", "x", "\xff", "1e3", "+1", " ", "0x1", []byte(`{`))
	f.Fuzz(func(t *testing.T, name, source, shard, shards, session, seq, part, parts, after string, data []byte) {
		ev := event.New(name, data, event.WithMeta(map[string]string{
			MetaSource: source, MetaShard: shard, MetaShards: shards, MetaSession: session,
			MetaSeq: seq, MetaPart: part, MetaParts: parts, MetaAfter: after,
		}))
		e, err := FromLive(ev)
		if err != nil {
			if !errors.Is(err, ErrForeign) {
				t.Fatal(err)
			}
			return
		}
		if err := check([]Event{e}, source, false); err != nil {
			t.Fatal(err)
		}
		back, err := FromLive(e.toLive())
		if err != nil || !reflect.DeepEqual(back, e) {
			t.Fatalf("%+v, %v, want %+v", back, err, e)
		}
		var tracker Tracker
		tracker.See(e)
	})
}

package chat

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/eventnode/eventnode/sessions"
)

// The table is what a map of maps is, whatever comes and goes: who subscribes to what, how,
// and which topics are wanted.
func TestTableModel(t *testing.T) {
	for range 100 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { testTableModel(t, seed) })
	}
}

// dumbTable is the flags of each session, by topic.
type dumbTable map[string]map[*sessions.Session]Flags

func (m dumbTable) of(topic string) map[*sessions.Session]Flags {
	if m[topic] == nil {
		m[topic] = map[*sessions.Session]Flags{}
	}
	return m[topic]
}

func testTableModel(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 0))
	tab, model, wanted := newTable(), dumbTable{}, map[string]bool{}
	all := make([]*sessions.Session, 8)
	for i := range all {
		all[i] = &sessions.Session{}
	}
	for range 300 {
		s, topic := all[rnd.IntN(len(all))], fmt.Sprint("room:", rnd.IntN(4))
		_, had := model.of(topic)[s]
		switch f := Flags(rnd.IntN(4)); rnd.IntN(8) {
		case 0:
			tab.drop(s)
			for topic := range model {
				delete(model[topic], s)
			}
		case 1:
			if n := tab.clear(topic, false); n != len(model.of(topic)) {
				t.Fatalf("%d of %d were cleared", n, len(model.of(topic)))
			}
			clear(model.of(topic))
		case 2, 3:
			if tab.remove(s, topic) != had {
				t.Fatalf("removed %v, had %v", !had, had)
			}
			delete(model.of(topic), s)
		default:
			tab.add(s, topic, f)
			model.of(topic)[s] = f
		}
		checkTable(t, tab, model, all)
	}
	more, less := tab.wants()
	for _, topic := range more {
		wanted[topic] = true
	}
	for topic := range model {
		if (len(model[topic]) > 0) != wanted[topic] {
			t.Errorf("%s has %d subscribers; wanted %v, not wanted %v", topic, len(model[topic]), more, less)
		}
	}
}

// checkTable compares all that can be asked.
func checkTable(t *testing.T, tab *table, model dumbTable, all []*sessions.Session) {
	t.Helper()
	for topic, want := range model {
		got := map[*sessions.Session]Flags{}
		if in := tab.topics[topic]; in != nil {
			for _, o := range in.list {
				got[o.session] = o.flags
			}
			if len(got) != len(in.list) {
				t.Fatalf("%s has somebody twice", topic)
			}
		}
		if !maps.Equal(got, want) {
			t.Fatalf("%s has %v, want %v", topic, got, want)
		}
		for _, s := range all {
			f, ok := tab.subscribed(s, topic)
			if wf, wok := want[s]; f != wf || ok != wok {
				t.Fatalf("%s: subscribed %v %v, want %v %v", topic, f, ok, wf, wok)
			}
			if slices.ContainsFunc(tab.of[s], func(in *subscribers) bool { return in.topic == topic }) != ok {
				t.Fatalf("%s is not what its session knows", topic)
			}
		}
	}
}

package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
)

// A Spec is written as it is read, and what makes no sense is refused with what to do.
func TestSpec(t *testing.T) {
	for text, want := range map[string]Spec{
		"auto": Auto(), "1": All(1), "16": All(16), "0..7 of 16": {0, 7, 16}, "8..15 of 16": {8, 15, 16}, "3..3 of 4": {3, 3, 4},
		"4096": All(MaxShards),
	} {
		got, err := ParseSpec(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%q: %+v, written %q, %v", text, got, got, err)
		}
	}
	if got, err := ParseSpec("0..15 of 16"); err != nil || got.String() != "16" {
		t.Errorf("all of them: %v, %v", got, err)
	}
	for _, text := range []string{"", "0", "-1", "x", "1.5", "5..4 of 8", "0..8 of 8", "-1..2 of 8", "0..7", "0..7 of", "0..7 of x", "..of 3", "0..0 of 0", "16 of 16", "0..-1 of 0"} {
		if got, err := ParseSpec(text); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	if _, err := ParseSpec("4097"); !errors.Is(err, eventnode.ErrLimit) {
		t.Errorf("too many: %v", err)
	}
}

// What parses is good, and parses again from what it is written as.
func FuzzSpec(f *testing.F) {
	for _, text := range []string{"auto", "16", "0..7 of 16", "0..0 of 0", "99999999999999999999", "1..2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSpec(text)
		if err != nil {
			return
		}
		if again, err := ParseSpec(s.String()); err != nil || again != s || s.Check() != nil {
			t.Fatalf("%q is %+v, and then %+v, %v", text, s, again, err)
		}
		if n := len(s.Indices()); n > MaxShards || n == 0 != (s == Auto()) {
			t.Fatalf("%q has %d shards", text, n)
		}
	})
}

// A plan survives being written, whatever is in it is of its shards and bounded, and the
// worst one fits into an event.
func FuzzPlan(f *testing.F) {
	f.Add([]byte(`{"shards":"8","stopped":{"3":true},"failed":{"4":{"node":"n1","reason":"no","at_ms":5}},"pins":{"1":"n2"}}`))
	f.Add([]byte(`{"shards":"0..3 of 8","stopped":{"7":true,"-1":true,"2":false},"pins":{"9":"n"}}`))
	f.Add([]byte(`{"shards":"auto","pins":{"1":"x"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parsePlan(data)
		if err != nil {
			return
		}
		if len(p.Stopped)+len(p.Failed)+len(p.Pins) > 3*MaxShards || p.Spec.Check() != nil {
			t.Fatalf("%d, %d and %d of %v", len(p.Stopped), len(p.Failed), len(p.Pins), p.Spec)
		}
		written, err := p.encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parsePlan(written)
		if err != nil || !reflect.DeepEqual(again.clone(), p.clone()) {
			t.Fatalf("%+v is %+v then, %v", p, again, err)
		}
		for i := range p.Failed {
			if p.runs(ShardID{i, p.Spec.Total}) || !p.Spec.Has(i) {
				t.Fatalf("shard %d has failed and runs", i)
			}
		}
	})
}

// The worst plan fits into an event.
func TestPlanFits(t *testing.T) {
	p := plan{Spec: All(MaxShards)}.clone()
	node := eventnode.NodeID(strings.Repeat("n", 32))
	for i := range MaxShards {
		p.Stopped[i], p.Pins[i] = true, node
		p.Failed[i] = failure{Node: node, Reason: clip(strings.Repeat(`"<\`+"\n", 1000), maxReason), At: time.Now().UnixMilli()}
	}
	data, err := p.encode()
	if err != nil || len(data) >= 1<<20 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

// What was kept survives being written in lines, in events of a bounded size; lines that are
// none cost nothing but themselves.
func FuzzKeeps(f *testing.F) {
	good, _ := encodeKeeps([]keep{{Shard: 1, Total: 4, Node: "n1", Token: 7, Number: 2, Session: "s", Seq: 9, Resume: []byte("x"), At: 1}, {Total: 1}})
	f.Add(good[0])
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"shard":5,"total":5}` + "\n" + `{"shard":4,"total":5}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keeps, _ := parseKeeps(data)
		events, err := encodeKeeps(keeps)
		if err != nil {
			t.Fatal(err)
		}
		var again []keep
		var tab table
		for i, e := range events {
			some, err := parseKeeps(e)
			if err != nil || len(e) > maxKeeps+2*maxResume+1024 {
				t.Fatalf("event %d has %d bytes, %v", i, len(e), err)
			}
			again = append(again, some...)
			tab.add(uint64(i+1), some)
		}
		if len(again) != len(keeps) || len(tab.keeps) > MaxShards {
			t.Fatalf("%d of %d", len(again), len(keeps))
		}
		for i, k := range keeps {
			if !again[i].same(k) || again[i].Token != k.Token || again[i].Number != k.Number || k.check() != nil {
				t.Fatalf("%+v is %+v then", k, again[i])
			}
		}
	})
}

// Of what was kept of a shard that of the newest lease counts, and of its the last, in
// whatever order it comes; and what is about to go is found.
func TestTable(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 500 {
		var tab table
		newest, at := map[int]keep{}, map[int]uint64{}
		n := uint64(0)
		for range r.IntN(60) {
			k := keep{Shard: r.IntN(4), Total: 4, Token: uint64(r.IntN(4)), Number: uint64(r.IntN(4))}
			if n++; r.IntN(5) == 0 {
				n += uint64(r.IntN(50))
			}
			tab.add(n, []keep{k})
			old, ok := newest[k.Shard]
			if !ok || k.Token > old.Token || k.Token == old.Token && k.Number >= old.Number {
				newest[k.Shard], at[k.Shard] = k, n
			}
		}
		for s, want := range newest {
			if got := tab.keeps[s]; got.Token != want.Token || got.Number != want.Number || got.number != at[s] {
				t.Fatalf("shard %d: %+v, want %+v at %d", s, got, want, at[s])
			}
		}
		for _, k := range tab.aged(20) {
			if n-at[k.Shard] < 20 {
				t.Fatalf("shard %d at %d of %d is old", k.Shard, at[k.Shard], n)
			}
			delete(at, k.Shard)
		}
		for s, one := range at {
			if n-one >= 20 {
				t.Fatalf("shard %d at %d of %d is not old", s, one, n)
			}
		}
	}
}

// ref names a member.
func ref(node string, epoch, n uint64) eventnode.MemberRef {
	return eventnode.MemberRef{Node: eventnode.NodeRef{ID: eventnode.NodeID(node), Epoch: epoch}, Ref: n}
}

// A view is the same by a snapshot and by the changes that lead there; garbage is not seen.
// Of two lives of a node the present one counts, and who leaves or has other shards does not
// take part.
func TestView(t *testing.T) {
	member := func(r eventnode.MemberRef, meta any) eventnode.Membership {
		return eventnode.Membership{Member: r, Meta: encode(meta)}
	}
	var v view
	v.reset(map[string][]eventnode.Membership{groupRunners: {
		member(ref("a", 1, 1), runnerMeta{Spec: All(4)}), member(ref("b", 1, 1), runnerMeta{}), {Member: ref("x", 1, 1), Meta: "what"},
	}})
	v.apply(eventnode.Change{Group: groupRunners, Joined: []eventnode.Membership{
		member(ref("b", 2, 1), runnerMeta{Spec: All(4), Leaving: true}), member(ref("c", 1, 1), runnerMeta{Spec: All(4)}),
		member(ref("d", 1, 1), runnerMeta{Spec: All(8)}),
	}})
	runners, leaving := v.who(All(4))
	if !slices.Equal(runners, []eventnode.NodeID{"a", "c"}) || len(leaving) != 1 || !leaving["b"] {
		t.Errorf("%v, %v leave", runners, leaving)
	}
	v.apply(eventnode.Change{Group: groupRunners, Left: []eventnode.Membership{{Member: ref("b", 2, 1)}, {Member: ref("c", 1, 1)}}})
	if runners, leaving = v.who(All(4)); !slices.Equal(runners, []eventnode.NodeID{"a", "b"}) || len(leaving) != 0 {
		t.Errorf("%v, %v leave", runners, leaving)
	}
	v.apply(eventnode.Change{Group: groupShards, Joined: []eventnode.Membership{
		member(ref("a", 1, 2), shardMeta{Shard: 1, Total: 4, State: StateWaiting}), member(ref("b", 1, 2), shardMeta{Shard: 1, Total: 4, State: StateConnected}),
		member(ref("c", 1, 2), shardMeta{Shard: 1, Total: 8, State: StateConnected}), member(ref("c", 1, 3), shardMeta{Shard: 9, Total: 4}),
	}})
	if node, meta, ok := v.at(ShardID{1, 4}); !ok || node != "b" || meta.State != StateConnected {
		t.Errorf("shard 1 is %v on %s", meta, node)
	}
	v.apply(eventnode.Change{Group: groupShards, Updated: []eventnode.Membership{member(ref("b", 1, 2), shardMeta{Shard: 1, Total: 4, State: StateWaiting})}})
	if node, _, ok := v.at(ShardID{1, 4}); !ok || node != "a" {
		t.Errorf("both wait, and it is on %s", node)
	}
	if len(v.shards) != 3 {
		t.Errorf("%v", v.shards)
	}
	v.apply(eventnode.Change{Resync: map[string][]eventnode.Membership{}})
	if _, _, ok := v.at(ShardID{1, 4}); ok || len(v.specs()) != 0 {
		t.Error("a resync left something")
	}
}

// Whatever stands in the metadata of memberships, a view takes it and knows no shard that
// cannot be.
func FuzzView(f *testing.F) {
	f.Add(encode(runnerMeta{Spec: All(4)}))
	f.Add(encode(shardMeta{Shard: 1, Total: 4, State: StateConnected, Error: "x"}))
	f.Add(`{"shard":-1,"total":9999999}`)
	f.Fuzz(func(t *testing.T, meta string) {
		var v view
		v.reset(map[string][]eventnode.Membership{groupRunners: {{Member: ref("a", 1, 1), Meta: meta}}, groupShards: {{Member: ref("a", 1, 2), Meta: meta}}})
		if runners, _ := v.who(All(4)); len(runners) > 1 {
			t.Fatal(runners)
		}
		for _, m := range v.shards {
			if m.Shard < 0 || m.Shard >= m.Total || m.Total > MaxShards {
				t.Fatalf("%+v", m)
			}
		}
	})
}

// What a runner tells of a shard fits into half of the metadata that a member may have.
func TestMetaFits(t *testing.T) {
	m := shardMeta{Shard: 4095, Total: 4096, State: StateRestarting, Since: 1 << 45, Restarts: 1 << 60, Error: clip(strings.Repeat("\"\n\\<ü", 1000), maxMetaError)}
	if n := len(encode(m)); n > 512 || !json.Valid([]byte(encode(m))) {
		t.Errorf("%d bytes: %s", n, encode(m))
	}
}

// Runners count when there was no change for a while, or five whiles at most; who comes and
// goes in between never does, and who leaves is gone at once.
func TestSettling(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	const after = 10
	for range 300 {
		s := settling{after: after}
		var seen []string // what there was at each moment
		differs := 0      // for how long what counts was not what there is
		begin := time.Unix(1000, 0)
		now := []eventnode.NodeID{"a"}
		for at := range 200 {
			if r.IntN(6) == 0 {
				now = nil
				for _, n := range []eventnode.NodeID{"a", "b", "c"} {
					if r.IntN(2) == 0 {
						now = append(now, n)
					}
				}
			}
			leaving := map[eventnode.NodeID]bool{}
			if r.IntN(30) == 0 && len(now) > 0 {
				leaving[now[0]], now = true, now[1:]
			}
			was := slices.Clone(s.used)
			wait := s.look(begin.Add(time.Duration(at)), now, leaving)
			seen = append(seen, fmt.Sprint(now))
			for _, n := range s.used {
				if leaving[n] {
					t.Fatalf("%v has %s, which leaves", s.used, n)
				}
			}
			if wait == 0 != slices.Equal(s.used, now) || wait < 0 || wait > after {
				t.Fatalf("%v counts of %v, wait %v", s.used, now, wait)
			}
			was = slices.DeleteFunc(was, func(n eventnode.NodeID) bool { return leaving[n] })
			if !slices.Equal(s.used, was) { // it has changed: a while ago it was so already, or it has changed for long
				from := max(0, at-after)
				calm := len(seen) > after && !slices.ContainsFunc(seen[from:], func(x string) bool { return x != fmt.Sprint(now) })
				long := differs >= settleMost*after
				if !calm && !long {
					t.Fatalf("after %v: %v became %v", seen[from:], was, s.used)
				}
			}
			if differs++; slices.Equal(s.used, now) {
				differs = 0
			}
		}
	}
}

// A text that is cut fits and is one line.
func FuzzClip(f *testing.F) {
	f.Add("a\nb\"<\\", 5)
	f.Add("üüü", 3)
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = min(max(most, 0), 300)
		got := clip(s, most)
		quoted, err := json.Marshal(got)
		if len(got) > most || err != nil || len(quoted) != len(got)+2 {
			t.Fatalf("%q is %q, %s", s, got, quoted)
		}
	})
}

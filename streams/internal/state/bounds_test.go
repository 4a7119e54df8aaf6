package state

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// A configuration has one form, or is refused in words.
func TestCheckConfig(t *testing.T) {
	limits := storagev1.Retain_RETAIN_LIMITS
	for name, c := range map[string]struct {
		in   *storagev1.StreamConfig
		want error
		says string
	}{
		"none":          {nil, nil, ""},
		"empty":         {&storagev1.StreamConfig{}, nil, ""},
		"all":           {&storagev1.StreamConfig{Retain: limits, MaxAgeMs: MaxMS, MaxBytes: math.MaxUint64, MaxCount: math.MaxUint64, DedupeWindowMs: MaxMS, DedupeMax: MaxDedupe}, nil, ""},
		"retain":        {&storagev1.StreamConfig{Retain: 3}, eventnode.ErrInvalidArgument, "unknown retain 3"},
		"age, acked":    {&storagev1.StreamConfig{MaxAgeMs: 1}, eventnode.ErrInvalidArgument, "max_age"},
		"count, acked":  {&storagev1.StreamConfig{MaxCount: 1}, eventnode.ErrInvalidArgument, "max_count"},
		"age":           {&storagev1.StreamConfig{Retain: limits, MaxAgeMs: math.MaxUint64}, eventnode.ErrLimit, "max_age_ms"},
		"window":        {&storagev1.StreamConfig{DedupeWindowMs: MaxMS + 1}, eventnode.ErrLimit, "dedupe_window_ms"},
		"dedupe":        {&storagev1.StreamConfig{DedupeMax: math.MaxUint64}, eventnode.ErrLimit, "max_dedupe"},
		"groups":        {&storagev1.StreamConfig{Groups: groupNames(MaxGroups + 1)}, eventnode.ErrLimit, "max_groups_per_stream"},
		"group":         {&storagev1.StreamConfig{Groups: []string{"a", ""}}, eventnode.ErrInvalidArgument, "group name"},
		"pool":          {&storagev1.StreamConfig{Pool: "a b"}, eventnode.ErrInvalidArgument, "pool"},
		"long pool":     {&storagev1.StreamConfig{Pool: strings.Repeat("p", 256)}, eventnode.ErrLimit, "max_name_bytes"},
		"longest group": {&storagev1.StreamConfig{Groups: []string{strings.Repeat("g", 255)}}, nil, ""},
	} {
		got, err := CheckConfig(c.in)
		if !errors.Is(err, c.want) || c.want != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && (got.GetPool() == "" || got.GetRetain() == 0 || got.GetDedupeMax() == 0 || got.GetDedupeWindowMs() == 0) {
			t.Errorf("%s: %v", name, got)
		}
	}
	in := &storagev1.StreamConfig{Groups: []string{"b", "a", "b"}}
	if got, err := CheckConfig(in); err != nil || !slices.Equal(got.GetGroups(), []string{"a", "b"}) || len(in.GetGroups()) != 3 {
		t.Errorf("%v of %v, %v", got, in, err)
	}
}

func groupNames(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("g", i))
	}
	return names
}

func TestName(t *testing.T) {
	for name, good := range map[Name]bool{
		{"", "a"}: true, {"ns", "orders.eu-1"}: true, {"", "ü"}: true, {"", strings.Repeat("n", 255)}: true,
		{"", ""}: false, {"ns", ""}: false, {"a b", "a"}: false, {"", "a\x00"}: false, {"", "a/b"}: false, {"a/b", "c"}: false,
		{"", "\xff"}: false, {"", strings.Repeat("n", 256)}: false, {"", "a\u00a0b"}: false, {"", "\u0085"}: false,
	} {
		if err := name.check(); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Groups that are added one by one are bounded too, and what is refused is not
// half done.
func TestGroupsBounded(t *testing.T) {
	r, name := inMemory(t), Name{"", "a"}
	all := groupNames(MaxGroups + 1)
	res := r.play(entryOf(t, 1, declareOp(name, &storagev1.StreamConfig{Groups: all[:MaxGroups]}, true),
		declareOp(name, &storagev1.StreamConfig{Groups: all[MaxGroups:]}, false), updateOp(name, &storagev1.StreamConfig{Groups: all[MaxGroups:]})))
	for _, res := range res[1:] {
		if !errors.Is(res.Err, eventnode.ErrLimit) || res.Config != nil {
			t.Errorf("%v", res)
		}
	}
	if s, err := r.view().Stream(name); err != nil || len(s.Row.GetConfig().GetGroups()) != MaxGroups {
		t.Errorf("%d groups, %v", len(s.Row.GetConfig().GetGroups()), err)
	}
}

// The largest age and window are long, not negative: nothing goes by them.
func TestAgesDoNotOverflow(t *testing.T) {
	r := inMemory(t)
	cfg := &storagev1.StreamConfig{Retain: storagev1.Retain_RETAIN_LIMITS, MaxAgeMs: MaxMS, DedupeWindowMs: MaxMS}
	p := publishOp(1, anEvent("a", 1))
	p.GetPublish().DedupeIds = numberedID('e', 1)
	r.play(entryOf(t, 1_719_500_000_000, declareOp(Name{"", "a"}, cfg, true), p))
	r.play(entryOf(t, 1_719_500_000_500, p, tickOp(1)))
	if n, err := r.readAll(1); n != 1 || err != nil {
		t.Errorf("%d events, %v", n, err)
	}
	for _, c := range []struct {
		then int64
		ms   uint64
		now  int64
		want bool
	}{
		{5, 5, 9, false}, {5, 5, 10, true}, {10, 1, 9, false}, {9, 0, 9, true},
		{0, math.MaxUint64, maxStamp, false}, {maxStamp, 1, 0, false},
	} {
		if got := passed(c.then, c.ms, c.now); got != c.want {
			t.Errorf("%d ms from %d at %d: %v", c.ms, c.then, c.now, got)
		}
	}
}

// A stamp at the end of all numbers is the end of time, not its beginning; also
// then positions are used once.
func TestStampsDoNotOverflow(t *testing.T) {
	r, name := inMemory(t), Name{"", "a"}
	var last eventnode.Position
	for i := range 3 {
		res := r.play(entryOf(t, math.MaxInt64, declareOp(name, nil, true), publishOp(uint64(i+1), anEvent("a", 1)), deleteOp(name)))
		if at := res[1].Published.First; res[1].Err != nil || at.Compare(last) <= 0 {
			t.Fatalf("%v after %v, %v", at, last, res[1].Err)
		}
		last = res[1].Published.First
	}
	if last.MS != maxStamp+3 {
		t.Errorf("%v", last)
	}
	r.play(entryOf(t, math.MinInt64))
	if p, err := r.view().Partition(); err != nil || p.GetStampMs() != last.MS {
		t.Errorf("%v, %v", p, err)
	}
}

// A refusal that is told again is told apart as the first one was.
func TestRefusalAgain(t *testing.T) {
	r := inMemory(t)
	p := publishOp(1, anEvent("a", 1))
	p.GetPublish().Producer = &storagev1.ProducerBatch{Producer: numberedID('p', 1), Number: 1}
	p.GetPublish().ExpectLast = &storagev1.Position{Ms: 1}
	res := r.play(entryOf(t, 1, declareOp(Name{"n", "a"}, nil, true), p, p))
	for _, res := range res[1:] {
		se, ok := errors.AsType[*eventnode.StreamError](res.Err)
		if !errors.Is(res.Err, eventnode.ErrWrongLast) || !ok || se.Stream != "n/a" {
			t.Errorf("%#v", res.Err)
		}
	}
}

// A stream remembers so many producers, and then a tenth less.
func TestProducersBounded(t *testing.T) {
	r := inMemory(t)
	r.play(entryOf(t, 1, declareOp(Name{"", "a"}, nil, true)))
	for from := 0; from <= MaxProducers; from += 1000 {
		var ops []op
		for i := range min(1000, MaxProducers+1-from) {
			p := publishOp(1, anEvent("a", 0))
			p.GetPublish().Producer = &storagev1.ProducerBatch{Producer: numberedID('p', from+i), Number: 7}
			ops = append(ops, p)
		}
		r.play(entryOf(t, int64(from), ops...))
	}
	s, err := r.view().Stream(Name{"", "a"})
	if want := uint64(MaxProducers - MaxProducers/10 + 1); err != nil || s.State.GetProducers() != want {
		t.Errorf("%d producers, want %d, %v", s.State.GetProducers(), want, err)
	}
	if err := checkRows(r.store); err != nil {
		t.Error(err)
	}
}

// Who ends a loop early is not called again, and a stream that is not there is an
// error, once.
func TestLoopsEnd(t *testing.T) {
	r := threeChunks(t)
	r.play(entryOf(t, 200, declareOp(Name{"", "b"}, nil, true)))
	n := 0
	for range r.view().Read(1, 0, NoLimit) {
		n++
		break
	}
	for range r.view().List("", true, nil) {
		n++
		break
	}
	for _, err := range r.view().Read(9, 0, NoLimit) {
		n++
		if !errors.Is(err, eventnode.ErrStreamNotFound) {
			t.Errorf("%v", err)
		}
	}
	if n != 3 {
		t.Errorf("%d turns", n)
	}
	if _, found, err := r.view().ByNumber(9); found || err != nil {
		t.Errorf("%v, %v", found, err)
	}
}

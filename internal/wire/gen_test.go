package wire

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode/event"
)

// fixedID is for seeds of fuzz tests, which must be the same in each process.
var fixedID = event.ID{0x01, 0x98, 0x1f, 0x3e, 0x5c, 0x00, 0x70, 0, 0x80, 15: 1}

// newRand is a random source whose seed is printed if the test fails.
func newRand(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// pick is one of the choices.
func pick[T any](r *rand.Rand, choices ...T) T { return choices[r.IntN(len(choices))] }

// randomEvent is mostly small, sometimes at the limits, and always valid.
func randomEvent(r *rand.Rand) event.Event {
	e := event.Event{
		ID:       event.NewIDAt(time.UnixMilli(r.Int64N(1 << 41))),
		Name:     text(r, pick(r, 1, 12, event.MaxName)),
		Key:      text(r, pick(r, 0, 0, 1, event.MaxKey)),
		Source:   pick(r, "", "/shards/3"),
		DataType: text(r, pick(r, 0, 16, 200)),
	}
	if r.IntN(4) == 0 {
		e.ID[6] = 0x40 // another version, which tells no time
	}
	if at := event.TimeOf(e.ID); !at.IsZero() && r.IntN(5) == 0 {
		e.Time = at.Add(time.Duration(r.Int64N(int64(time.Millisecond))))
	} else {
		e.Time = pick(r, event.TimeOf(e.ID), time.Unix(0, r.Int64()).UTC(), time.Unix(0, -r.Int64()).UTC(), time.Unix(1, 0).UTC())
	}
	for range pick(r, 0, 0, 1, 3) {
		if e.Meta == nil {
			e.Meta = make(map[string]string)
		}
		e.Meta[text(r, 1+r.IntN(140))] = text(r, pick(r, 0, 1, 130))
	}
	n := pick(r, 0, 1, 100, 127, 128)
	if r.IntN(100) == 0 {
		n = 20_000
	}
	if n > 0 {
		e.Data = make([]byte, n)
		for i := range e.Data {
			e.Data[i] = byte(r.Uint32())
		}
	}
	return e
}

// text is n bytes of UTF-8 without control characters.
func text(r *rand.Rand, n int) string {
	var b []byte
	for len(b) < n {
		c := pick(r, "a", "Z", "é", "日", "\u00a0")
		if len(b)+len(c) > n {
			c = "x"
		}
		b = append(b, c...)
	}
	return string(b)
}

// breakEvent changes e so that it may be invalid.
func breakEvent(r *rand.Rand, e *event.Event) {
	bad := pick(r, "", "\xff", "\n", "\u0085", "a\u009f", "\u00a0", "\x7f", strings.Repeat("a", 255), strings.Repeat("a", 256))
	switch r.IntN(7) {
	case 0:
		e.ID = event.ID{}
	case 1:
		e.Name = bad
	case 2:
		e.Key = bad
	case 3:
		e.Source = bad
	case 4:
		e.DataType = bad
	case 5:
		e.Meta = map[string]string{bad: "v"}
	case 6:
		e.Meta = map[string]string{"k": bad}
	}
}

package inbox

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/eventnode/eventnode/event"
)

// What is made is what is taken, and is not made twice.
func TestMade(t *testing.T) {
	made := map[string]bool{}
	for range 1000 {
		topic, id := NewTopic(), NewID()
		if err := checkTopic(topic); err != nil || id == "" || len(id) > MaxID || made[topic] || made[id] {
			t.Fatalf("%q, %q: %v", topic, id, err)
		}
		made[topic], made[id] = true, true
	}
}

// A text is cut between letters, at its bound and no earlier.
func TestBounded(t *testing.T) {
	for _, c := range []struct {
		in  string
		cut int // bytes that are left, without the dots; -1: all
	}{
		{"", -1}, {strings.Repeat("x", MaxErrorText), -1}, {strings.Repeat("x", MaxErrorText+1), MaxErrorText - 3},
		{strings.Repeat("ä", MaxErrorText), MaxErrorText - 4}, {strings.Repeat("€", MaxErrorText), (MaxErrorText - 3) / 3 * 3},
	} {
		want := c.in
		if c.cut >= 0 {
			want = c.in[:c.cut] + "…"
		}
		if got := bounded(c.in); got != want || len(got) > MaxErrorText {
			t.Errorf("%.10q…: %d bytes, want %d", c.in, len(got), len(want))
		}
	}
	if got := bounded("a\xffb"); got != "a\uFFFDb" {
		t.Errorf("%q", got)
	}
}

// naive is a call, as dumb as can be: all that came, in order, with why it ended.
type naive struct {
	want  int
	came  []string
	taken int
	bytes int
	end   string
	open  bool
}

func (n *naive) put(what string, size int, mark string) bool {
	if !n.open || n.end != "" {
		return false
	}
	if len(n.came)-n.taken == MaxQueued {
		n.end = "max_queued_replies"
		return false
	}
	if len(n.came) > n.taken && n.bytes+size > MaxQueuedBytes {
		n.end = "max_queued_reply_bytes"
		return false
	}
	if mark != EndOnly {
		n.came = append(n.came, what)
		n.bytes += size
	}
	if mark != "" || n.want > 0 && len(n.came) == n.want {
		n.end = "over"
	}
	return true
}

func (n *naive) next(size func(string) int) string {
	if n.taken == len(n.came) || !n.open {
		return "end: " + n.end
	}
	n.taken++
	what := n.came[n.taken-1]
	n.bytes -= size(what)
	return what
}

// A desk gives each call the replies to its request, and what they are bounded by, as a dumb
// list does, whatever comes in whatever order.
func TestDeskModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	big := make([]byte, MaxQueuedBytes/3)
	for round := range 30 {
		var d Desk
		calls, model := map[string]*Call{}, map[string]*naive{}
		var replies, unclaimed uint64
		sizes := map[string]int{"": 0}
		size := func(what string) int { return sizes[what] }
		long := round%2 == 0 // calls that are not ended by replies, which are large
		burst := 1 + rnd.IntN(2*MaxQueued)
		for step := range 300 {
			id := fmt.Sprint(rnd.IntN(8))
			switch c, n := calls[id], model[id]; rnd.IntN(8) {
			case 0:
				if n == nil || !n.open {
					want := rnd.IntN(4)
					if long {
						want = 0
					}
					calls[id], model[id] = d.Open(id, want), &naive{want: want, open: true}
				}
			case 1:
				if n != nil && n.open {
					d.Close(c)
					n.open = false
				}
			case 2:
				if n != nil && n.open && rnd.IntN(4) == 0 {
					c.Fail(errors.New("failed"))
					if n.end == "" {
						n.end = "failed"
					}
				}
			case 3, 4, 5:
				times := 1
				if rnd.IntN(30) == 0 {
					times = burst
				}
				var data []byte
				if long || rnd.IntN(6) == 0 {
					data = big[:rnd.IntN(len(big))]
				}
				mark := []string{"", "", "", "", "", EndLast, EndOnly, "?"}[rnd.IntN(8)]
				if long {
					mark, times = "", 1
				}
				for i := range times {
					what := fmt.Sprint(step, ".", i)
					sizes[what] = len(data)
					meta := map[string]string{MetaRequest: id}
					if mark != "" {
						meta[MetaEnd] = mark
					}
					d.Deliver(event.Event{Name: what, Data: data, Meta: meta})
					if n != nil && n.put(what, len(data), mark) {
						replies++
					} else {
						unclaimed++
					}
				}
			default:
				if n == nil || !n.open {
					continue
				}
				r, end := c.Next()
				got := "end: "
				switch {
				case r != nil:
					got = r.Event.Name
				case end.Over:
					got += "over"
				case end.Full != "":
					got += end.Full
				case end.Err != nil:
					got += end.Err.Error()
				}
				if want := n.next(size); got != want {
					t.Fatalf("call %s: %q, want %q", id, got, want)
				}
			}
			if d.Replies != replies || d.Unclaimed != unclaimed {
				t.Fatalf("%d and %d, want %d and %d", d.Replies, d.Unclaimed, replies, unclaimed)
			}
		}
		open := 0
		for id, n := range model {
			if n.open {
				open++
				if n.end == "" && calls[id].Ended() || calls[id].Came() != len(n.came) {
					t.Errorf("call %s: %d came, want %d", id, calls[id].Came(), len(n.came))
				}
			}
		}
		if len(d.calls) != open {
			t.Errorf("%d calls are kept, %d are open", len(d.calls), open)
		}
	}
}

// Whatever stands in a request's metadata: it is refused, or its replies go to an inbox of
// which nobody guesses the key, and are found again by who waits for them.
func FuzzRequestMeta(f *testing.F) {
	good := NewTopic()
	f.Add(good, "1", "", "", "x", "")
	f.Add(strings.Repeat("A", MinKey), "1", "", "", "", "")
	f.Add("topic:orders", "1", "", "", "", "text")
	f.Add("reply:*", strings.Repeat("1", 65), "a", EndOnly, "", "\xff")
	f.Add("reply:ABCDEFGHIJKLMNOPQRSTUV.>", "", "a", EndLast, strings.Repeat("ä", 2000), "a")
	f.Fuzz(func(t *testing.T, to, id, failed, end, text, name string) {
		meta := map[string]string{MetaReplyTo: to, MetaRequest: id, MetaError: failed, MetaEnd: end, name: text}
		before := maps.Clone(meta)
		r, ok, err := ParseRequest(meta)
		if err != nil || !ok {
			if !errors.Is(err, event.ErrInvalid) || r != (Request{}) {
				if _, is := meta[MetaReplyTo]; is {
					t.Fatalf("%q: %+v, %v", meta, r, err)
				}
			}
			return
		}
		if key, is := strings.CutPrefix(r.ReplyTo, "reply:"); !is || len(key) < MinKey || len(key) > MaxKey || strings.ContainsAny(key, ".*> ") {
			t.Fatalf("replies go to %q", r.ReplyTo)
		}
		var d Desk
		c := d.Open(r.ID, 0)
		d.Deliver(r.Reply(event.Event{Meta: meta}))
		d.Deliver(r.Fail(text, false))
		d.Deliver(r.End())
		d.Deliver(r.Reply(event.Event{}))
		first, _ := c.Next()
		second, _ := c.Next()
		if first == nil || first.Failed || first.Last || second == nil || !second.Failed || len(second.Text) > MaxErrorText || !utf8.ValidString(second.Text) {
			t.Fatalf("%+v, %+v", first, second)
		}
		if third, e := c.Next(); third != nil || !e.Over || d.Replies != 3 || d.Unclaimed != 1 {
			t.Fatalf("%+v, %+v, %+v", third, e, d)
		}
		marked := r.Mark(event.Event{Meta: meta})
		again, ok, err := ParseRequest(marked.Meta)
		if again != r || !ok || err != nil {
			t.Fatalf("%+v, %v", again, err)
		}
		if !maps.Equal(meta, before) {
			t.Fatal("the event that was given has changed")
		}
	})
}

// Whatever comes to an inbox does not reach who waits for something else, and its text is
// bounded.
func FuzzReplyMeta(f *testing.F) {
	f.Add("mine", "text", EndOnly, uint8(7))
	f.Add("other", strings.Repeat("\xff", 2000), "?", uint8(3))
	f.Fuzz(func(t *testing.T, id, text, end string, has uint8) {
		meta := map[string]string{}
		for i, pair := range [][2]string{{MetaRequest, id}, {MetaError, text}, {MetaEnd, end}} {
			if has&(1<<i) != 0 {
				meta[pair[0]] = pair[1]
			}
		}
		var d Desk
		mine, other := d.Open("mine", 1), d.Open("a", 1)
		d.Deliver(event.Event{Meta: meta})
		r, e := mine.Next()
		named := meta[MetaRequest] == "mine"
		if came := r != nil || e.some(); came != named || d.Replies+d.Unclaimed != 1 {
			t.Fatalf("%q: %+v, %+v", meta, r, e)
		}
		if r != nil && (len(r.Text) > MaxErrorText || !utf8.ValidString(r.Text) || r.Failed != (has&2 != 0)) {
			t.Fatalf("%+v", r)
		}
		if _, e := other.Next(); e.some() != (meta[MetaRequest] == "a") && other.Came() == 0 {
			t.Fatalf("the other one: %+v", e)
		}
	})
}

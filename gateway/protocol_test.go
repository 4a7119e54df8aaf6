package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/eventnode/eventnode/internal/encoding"
	"github.com/eventnode/eventnode/sessions"
)

var testLimits = Limits{}.withDefaults()

// What is allowed depends on whether there is a session, and on nothing but that, what was
// sent, and what was claimed.
func TestConversation(t *testing.T) {
	now := time.Unix(0, 0)
	for _, c := range []struct {
		op      int
		d       string
		before  verb // without a session
		code    CloseCode
		after   verb // with one, whose newest event is 7
		refused CloseCode
	}{
		{opHeartbeat, `null`, acknowledge, 0, acknowledge, 0},
		{opHeartbeat, ``, acknowledge, 0, acknowledge, 0},
		{opHeartbeat, `7`, acknowledge, 0, acknowledge, 0},
		{opHeartbeat, `8`, acknowledge, 0, refuse, CloseBadSeq},
		{opHeartbeat, `-1`, acknowledge, 0, refuse, CloseBadSeq},
		{opHeartbeat, `{}`, refuse, CloseDecode, refuse, CloseDecode},
		{opHeartbeat, `1.5`, refuse, CloseDecode, refuse, CloseDecode},
		{opIdentify, `{"token":"x"}`, doIdentify, 0, refuse, CloseIdentifiedTwice},
		{opIdentify, `{}`, refuse, CloseDecode, refuse, CloseIdentifiedTwice},
		{opResume, `{"token":"x","session_id":"y","seq":null}`, doResume, 0, refuse, CloseIdentifiedTwice},
		{opResume, `{"session_id":"y"}`, refuse, CloseDecode, refuse, CloseIdentifiedTwice},
		{opPresence, `{"status":""}`, refuse, CloseNotIdentified, doPresence, 0},
		{opPresence, `null`, refuse, CloseNotIdentified, refuse, CloseDecode},
		{opVoice, `null`, refuse, CloseNotIdentified, ignore, 0},
		{opMembers, `{"guild_id":"1"}`, refuse, CloseNotIdentified, doMembers, 0},
		{opMembers, `{"guild_id":null}`, refuse, CloseNotIdentified, refuse, CloseDecode},
		{opMembers, `{"guild_id":"1","limit":-1}`, refuse, CloseNotIdentified, refuse, CloseDecode},
		{opLazy, `{"guild_id":1}`, refuse, CloseNotIdentified, doWatch, 0},
		{opLazy, `{}`, refuse, CloseNotIdentified, refuse, CloseDecode},
		{opDispatch, `{}`, refuse, CloseBadOpcode, refuse, CloseBadOpcode},
		{opHello, `{}`, refuse, CloseBadOpcode, refuse, CloseBadOpcode},
		{99, `{}`, refuse, CloseBadOpcode, refuse, CloseBadOpcode},
	} {
		p := encoding.Payload{Op: c.op, D: json.RawMessage(c.d)}
		without := conversation{limits: &testLimits}
		if a := without.receive(p, 0, now); a.verb != c.before || a.code != c.code {
			t.Errorf("%d %s without a session: %+v", c.op, c.d, a)
		}
		with := conversation{limits: &testLimits, session: true}
		if a := with.receive(p, 7, now); a.verb != c.after || a.code != c.refused {
			t.Errorf("%d %s with a session: %+v", c.op, c.d, a)
		}
	}
	claimed := conversation{limits: &testLimits, session: true, claimed: 500}
	for n, want := range map[int]verb{500: acknowledge, 501: refuse} {
		if a := claimed.receive(encoding.Payload{Op: opHeartbeat, D: json.RawMessage(fmt.Sprint(n))}, 1, now); a.verb != want {
			t.Errorf("%d: %+v", n, a)
		}
	}
}

// A window allows so many in each period that begins with the first of them.
func TestWindow(t *testing.T) {
	var w window
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	for i, c := range []struct {
		at   int
		want bool
	}{{100, true}, {159, true}, {159, false}, {160, true}, {161, true}, {219, false}, {220, true}} {
		if got := w.allow(at(c.at), 2, time.Minute); got != c.want {
			t.Errorf("number %d at %d: %v", i, c.at, got)
		}
	}
	if n, reset := w.left(at(230), 2, time.Minute); n != 1 || reset != 50*time.Second {
		t.Error(n, reset)
	}
	if n, reset := w.left(at(280), 2, time.Minute); n != 2 || reset != 0 {
		t.Error(n, reset)
	}
	if !w.allow(at(281), -1, time.Minute) {
		t.Error("no limit")
	}
}

// Turns of one bucket are an interval apart; one may wait. Users of whom nothing need be
// known are forgotten, others are not.
func TestStarts(t *testing.T) {
	now := time.Unix(1000, 0)
	s := newStarts(Limits{IdentifyConcurrency: 2, Sessions: 4}.withDefaults())
	for i, c := range []struct {
		after time.Duration
		shard uint32
		wait  time.Duration
		want  verdict
	}{
		{0, 0, 0, granted}, {0, 1, 0, granted}, {0, 2, 5 * time.Second, granted}, {0, 4, 0, tooSoon},
		{time.Second, 0, 0, tooSoon}, {5 * time.Second, 0, 5 * time.Second, granted}, {time.Minute, 0, 0, exhausted},
		{4 * time.Hour, 0, 0, granted},
	} {
		if wait, v := s.admit(now.Add(c.after), 1, sessions.Shard{Index: c.shard, Count: 9}); wait != c.wait || v != c.want {
			t.Errorf("number %d: %v, %v", i, wait, v)
		}
	}
	s.forget(now.Add(4*time.Hour + time.Minute))
	if len(s.users) != 1 {
		t.Error("forgotten too soon")
	}
	s.forget(now.Add(8 * time.Hour))
	if len(s.users) != 0 {
		t.Error("not forgotten")
	}
}

// A replay with presences summed up is the rest as it was, and for each user and guild the
// newest, as a map that is written to in order has them.
func TestSummaryModel(t *testing.T) {
	for range 200 {
		seed := rand.Uint64()
		rnd := rand.New(rand.NewPCG(seed, 0))
		var (
			sum   summary
			rest  []uint64
			model = map[string]string{}
		)
		one := func() string {
			user, guild, status := 1+rnd.IntN(3), rnd.IntN(3), rnd.IntN(1000)
			text := fmt.Sprintf(`{"user":{"id":"%d"},"guild_id":"%d","status":"%d"}`, user, guild, status)
			model[fmt.Sprint(user, guild)] = text
			return text
		}
		for n := range uint64(rnd.IntN(30)) {
			e := &sessions.Event{Type: "OTHER", Data: json.RawMessage(`{}`)}
			switch rnd.IntN(6) {
			case 0, 1:
				e = &sessions.Event{Type: presenceUpdate, Data: json.RawMessage(one())}
			case 2:
				e = &sessions.Event{Type: presencesReplace, Data: json.RawMessage("[" + one() + "," + one() + "]")}
			case 3:
				bad := []string{`{"user":{}}`, `5`, `{`, `[]`}[rnd.IntN(4)]
				e = &sessions.Event{Type: []string{presenceUpdate, presencesReplace}[rnd.IntN(2)], Data: json.RawMessage(bad)}
			}
			before := sum.taken
			sum.add([]sessions.Sent{{Seq: n, Event: e}})
			if sum.taken == before {
				rest = append(rest, n)
			}
			if (e.Type == "OTHER") != (sum.taken == before) && len(e.Data) > 20 {
				t.Fatalf("seed %d: %s %s", seed, e.Type, e.Data)
			}
		}
		for i, sent := range sum.rest {
			if sent.Seq != rest[i] {
				t.Fatalf("seed %d: rest %v", seed, sum.rest)
			}
		}
		e := sum.event()
		if (e == nil) != (len(model) == 0) {
			t.Fatalf("seed %d: %v of %v", seed, e, model)
		}
		if e == nil {
			continue
		}
		var list []json.RawMessage
		if err := json.Unmarshal(e.Data, &list); err != nil || len(list) != len(model) {
			t.Fatalf("seed %d: %s of %v", seed, e.Data, model)
		}
		for _, p := range list {
			w, _ := whosePresence(p)
			if model[fmt.Sprint(int(w.user), int(w.guild))] != string(p) {
				t.Fatalf("seed %d: %s of %v", seed, p, model)
			}
		}
	}
}

// The presences stand in the order in which they were told.
func TestSummaryOrder(t *testing.T) {
	var s summary
	for i, user := range []int{1, 2, 1, 3} {
		s.add([]sessions.Sent{{Event: &sessions.Event{Type: presenceUpdate, Data: json.RawMessage(fmt.Sprintf(`{"user":{"id":%d},"n":%d}`, user, i))}}})
	}
	if got := string(s.event().Data); got != `[{"user":{"id":2},"n":1},{"user":{"id":1},"n":2},{"user":{"id":3},"n":3}]` {
		t.Error(got)
	}
}

// While something is sent all the time nothing is summed up, and nothing is lost.
func TestCatchUpUnderLoad(t *testing.T) {
	m, err := sessions.New(sessions.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		s, err := m.Open(sessions.Identity{User: 1})
		if err != nil {
			t.Fatal(err)
		}
		presence := &sessions.Event{Type: presenceUpdate, Data: json.RawMessage(`{"user":{"id":"1"}}`)}
		for range 20 {
			if _, err := s.Send(presence); err != nil {
				t.Fatal(err)
			}
		}
		k, err := s.Attach(0)
		if err != nil {
			t.Fatal(err)
		}
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for range 50 {
				_, _ = s.Send(presence)
			}
		}()
		got, err := catchUp(k)
		if err != nil || len(got) == 0 {
			t.Fatal(got, err)
		}
		last := got[len(got)-1]
		if summed := last.Event.Type == presencesReplace; summed != (len(got) == 1) {
			t.Fatalf("%d events, the last one is %s", len(got), last.Event.Type)
		}
		<-sent
		more, err := k.Take(nil, 1000)
		if err != nil || len(more) > 0 && more[0].Seq != last.Seq+1 || last.Seq+uint64(len(more)) != s.Seq() {
			t.Fatalf("up to %d, then %v", last.Seq, more)
		}
		m.End(s.ID())
	}
}

// A frame of any length has a header that says so, wherever it begins in the buffer.
func TestFramesOut(t *testing.T) {
	var b []byte
	lengths := []int{0, 1, 125, 126, 127, 65535, 65536, 70000}
	for _, n := range lengths {
		start := len(b)
		b = endFrame(append(beginFrame(b), bytes.Repeat([]byte{byte(n)}, n)...), start, ws.OpBinary)
	}
	r := bytes.NewReader(b)
	for _, n := range lengths {
		h, err := ws.ReadHeader(r)
		if err != nil || !h.Fin || h.OpCode != ws.OpBinary || h.Length != int64(n) {
			t.Fatalf("%d: %+v, %v", n, h, err)
		}
		got := make([]byte, n)
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, bytes.Repeat([]byte{byte(n)}, n)) {
			t.Fatalf("%d: %v", n, err)
		}
	}
	if r.Len() != 0 {
		t.Errorf("%d bytes are left", r.Len())
	}
	if p := closePayload(CloseDecode, string(make([]byte, 500))); len(p) != 125 {
		t.Errorf("a close frame of %d bytes", len(p))
	}
}

// FuzzIncoming: whatever a client sends, it is messages within the limit, and the
// conversation answers each; nothing panics, and nothing is held beyond the limit.
func FuzzIncoming(f *testing.F) {
	frame := func(op ws.OpCode, fin bool, s string) []byte {
		return ws.MustCompileFrame(ws.MaskFrameWith(ws.NewFrame(op, fin, []byte(s)), [4]byte{1, 2, 3, 4}))
	}
	for _, s := range []string{
		`{"op":1,"d":5}`, `{"op":2,"d":{"token":"x","intents":513,"shard":[0,2],"presence":{"status":"idle","since":1}}}`,
		`{"op":3,"d":{"status":"","activities":[{}],"since":null,"afk":false}}`, `{"op":6,"d":{"token":"x","session_id":"y","seq":1}}`,
		`{"op":8,"d":{"guild_id":["1"],"user_ids":"2","query":""}}`, `{"op":14,"d":{"guild_id":"1","channels":{"7":[[0,99]]}}}`,
	} {
		f.Add(frame(ws.OpText, true, s), false, true)
		f.Add(append(frame(ws.OpText, false, s[:5]), frame(ws.OpContinuation, true, s[5:])...), true, false)
	}
	f.Add(frame(ws.OpBinary, true, "\x83t\x00\x00\x00\x01d\x00\x02opa\x01"), true, true)
	f.Fuzz(func(t *testing.T, b []byte, etf, session bool) {
		const limit = 512
		in := incoming{from: bytes.NewReader(b), limit: limit}
		talk := conversation{limits: &testLimits, session: session}
		format := encoding.JSON
		if etf {
			format = encoding.ETF
		}
		for {
			op, data, err := in.next()
			if len(data) > limit || len(in.partial) > limit || in.fragments > maxFragments {
				t.Fatalf("%d bytes, %d in %d fragments", len(data), len(in.partial), in.fragments)
			}
			if err != nil {
				if _, bad := errors.AsType[ws.ProtocolError](err); !bad && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, errTooLarge) && !errors.Is(err, errBadText) {
					t.Fatal(err)
				}
				return
			}
			if op.IsControl() {
				continue
			}
			p, err := encoding.Decode(format, data)
			if err != nil {
				continue
			}
			a := talk.receive(p, 7, time.Unix(0, 0))
			if (a.verb == refuse) != (a.code != 0) || a.code != 0 && !a.code.known() {
				t.Fatalf("%+v", a)
			}
			if body, ok := a.body.(identify); ok && (body.who.Shard.Check() != nil || body.who.LargeThreshold < 50) {
				t.Fatalf("%+v", body)
			}
		}
	})
}

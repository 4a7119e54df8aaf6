package shard

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/eventnode/eventnode/internal/backoff"
	"github.com/eventnode/eventnode/internal/encoding"
)

// What a shard says to gateways, good and hostile ones, is as the scripts in testdata have
// it. Each line of an answer has the time since the beginning.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &script{}
		datadriven.RunTest(t, path, s.run)
	})
}

// script is a machine, and the gateway that a script plays.
type script struct {
	m     *machine
	now   time.Time
	rnd   float64
	lines strings.Builder
}

var began = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func newMachine() *machine {
	return &machine{
		rules: rules{
			identity: identityOf(513), members: true, gateway: "wss://g",
			back:   backoff.Backoff{Min: time.Second, Max: time.Minute},
			answer: 30 * time.Second, settled: time.Minute,
		},
		asked: newCommands(200),
	}
}

func identityOf(intents uint64) identifyData {
	return identifyData{Token: "secret", LargeThreshold: largeGuild, Shard: [2]int{0, 1}, Intents: intents}
}

func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	s.lines.Reset()
	switch d.Cmd {
	case "begin": // [session=s seq=n url=u] [intents=n] [rnd=0.5]
		s.begin(t, d)
	case "opened":
		s.m.opened(s.now)
	case "not-opened":
		s.m.notOpened(s.now, s.rnd)
	case "permitted":
		s.m.permitted(s.now)
	case "not-permitted":
		s.m.notPermitted(s.now, s.rnd)
	case "paused":
		s.m.paused()
	case "flows":
		s.m.flows(s.now)
	case "broken":
		s.m.broken(s.now, s.rnd)
	case "stop":
		s.m.stop()
	case "gets": // payloads, one a line
		s.gets(d.Input)
	case "ended": // code=n reason=r
		code, reason := 0, ""
		d.MaybeScanArgs(t, "code", &code)
		d.MaybeScanArgs(t, "reason", &reason)
		s.m.ended(s.now, s.rnd, code, reason)
	case "ask": // n=n
		n := 1
		d.MaybeScanArgs(t, "n", &n)
		if err := s.m.ask(s.now, make([]command, n)...); err != nil {
			fmt.Fprintln(&s.lines, err)
		}
	case "present": // status=x
		s.m.present(s.now, json.RawMessage(strconv.Quote(d.CmdArgs[0].Vals[0])))
	case "wait": // duration
		s.wait(t, d.CmdArgs[0].Key)
	default:
		t.Fatalf("there is no command %q", d.Cmd)
	}
	s.say()
	fmt.Fprintf(&s.lines, "-- %v %s %d", s.m.state, s.m.session.id, s.m.session.seq)
	if n := s.m.asked.waiting(); n > 0 {
		fmt.Fprintf(&s.lines, ", %d wait", n)
	}
	return s.lines.String() + "\n"
}

func (s *script) begin(t *testing.T, d *datadriven.TestData) {
	s.m, s.now, s.rnd = newMachine(), began, 0.5
	d.MaybeScanArgs(t, "session", &s.m.session.id)
	d.MaybeScanArgs(t, "seq", &s.m.session.seq)
	d.MaybeScanArgs(t, "url", &s.m.session.url)
	d.MaybeScanArgs(t, "intents", &s.m.identity.Intents)
	if d.HasArg("rnd") {
		var text string
		d.ScanArgs(t, "rnd", &text)
		s.rnd, _ = strconv.ParseFloat(text, 64)
	}
	s.m.tick(s.now, s.rnd)
}

// gets is payloads as they come, those that do not decode included.
func (s *script) gets(input string) {
	for line := range strings.SplitSeq(strings.TrimSpace(input), "\n") {
		p, err := encoding.Decode(encoding.JSON, []byte(line))
		if err != nil {
			s.m.unread()
			continue
		}
		s.m.received(s.now, s.rnd, p)
		s.say()
	}
}

// wait lets time pass, with everything that is due then.
func (s *script) wait(t *testing.T, how string) {
	d, err := time.ParseDuration(how)
	if err != nil {
		t.Fatal(err)
	}
	until := s.now.Add(d)
	for n := 0; ; n++ {
		next := s.m.next(s.now)
		if next.IsZero() || next.After(until) {
			break
		}
		if n > 10_000 {
			t.Fatal("something is due and not done")
		}
		if next.After(s.now) {
			s.now = next
		}
		s.m.tick(s.now, s.rnd)
		s.say()
	}
	s.now = until
}

var verbNames = [...]string{"dial", "hang up", "send", "deliver", "tell", "ask for the permit", "no permit", "note", "fail"}

func (s *script) say() {
	for _, a := range s.m.take() {
		fmt.Fprintf(&s.lines, "%v %s", s.now.Sub(began), verbNames[a.verb])
		switch a.verb {
		case doDial:
			fmt.Fprintf(&s.lines, " %q", a.url)
		case doHangUp:
			fmt.Fprintf(&s.lines, ": %s", a.what)
		case doNote:
			fmt.Fprintf(&s.lines, ": %s", a.what)
			if a.took > 0 {
				fmt.Fprintf(&s.lines, " %v", a.took)
			}
		case doSend:
			data, _ := json.Marshal(a.data)
			fmt.Fprintf(&s.lines, " %d %s", a.op, data)
		case doDeliver:
			fmt.Fprintf(&s.lines, " %s %d %s %s", a.event.session.id, a.event.session.seq, a.event.name, a.event.data)
		case doTell:
			fmt.Fprintf(&s.lines, " %s", a.gap.data())
		case doFail:
			fmt.Fprintf(&s.lines, ": %v", a.err)
		case doPermit, doUnpermit:
		}
		s.lines.WriteString("\n")
	}
}

// Of what is sent no more than 120 is in any minute, however much is asked and however the
// gateway has heartbeats; heartbeats are never late for it.
func TestBudget(t *testing.T) {
	for i, interval := range []int{1000, 5000, 41_250, 1000, 41_250} {
		asks := i > 2 // the gateway asks for heartbeats, too
		s := &script{rnd: 0.999, now: began, m: newMachine()}
		s.m.asked = newCommands(100_000)
		s.m.tick(s.now, s.rnd)
		s.m.opened(s.now)
		s.m.received(s.now, s.rnd, encoding.Payload{Op: opHello, D: json.RawMessage(fmt.Sprintf(`{"heartbeat_interval":%d}`, interval))})
		s.m.permitted(s.now)
		one := uint64(1)
		s.m.received(s.now, s.rnd, encoding.Payload{Type: readyName, Seq: &one, D: json.RawMessage(`{"session_id":"s"}`)})
		if err := s.m.ask(s.now, make([]command, 90_000)...); err != nil {
			t.Fatal(err)
		}
		var sent []time.Time
		beats := 0
		for s.now.Sub(began) < 10*time.Minute {
			for _, a := range s.m.take() {
				if a.verb != doSend {
					continue
				}
				if sent = append(sent, s.now); a.op == opHeartbeat {
					beats++
					s.m.received(s.now, s.rnd, encoding.Payload{Op: opACK})
				}
				if n := len(sent) - maxSends - 1; n >= 0 && s.now.Sub(sent[n]) < sendsPeriod {
					t.Fatalf("interval %d: %d in %v", interval, maxSends+1, s.now.Sub(sent[n]))
				}
			}
			s.now = s.m.next(s.now)
			s.m.tick(s.now, s.rnd)
			if asks {
				s.m.received(s.now, s.rnd, encoding.Payload{Op: opHeartbeat})
			}
		}
		if want := int(10*time.Minute/time.Millisecond)/interval - 1; beats < want {
			t.Errorf("interval %d: %d heartbeats, want %d", interval, beats, want)
		}
		if len(sent) < 10*(maxSends-2*spareSends) && !asks {
			t.Errorf("interval %d: only %d were sent", interval, len(sent))
		}
	}
}

// Members are asked for if a guild is large, or if nobody would tell of them: by presences.
func TestMembersRule(t *testing.T) {
	for _, c := range []struct {
		intents uint64
		members int
		want    bool
	}{
		{0, 249, false}, {0, 250, true},
		{intentMembers, 1, true}, {intentMembers | intentPresences, 249, false}, {intentMembers | intentPresences, 250, true},
		{intentPresences, 249, false},
	} {
		if got := wantsMembers(c.intents, c.members); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// A token goes to no address in clear text if the gateway was not at one.
func TestResumeAddress(t *testing.T) {
	for _, c := range []struct {
		gateway, address string
		want             bool
	}{
		{"wss://a", "wss://b", true}, {"wss://a", "ws://b", false}, {"ws://a", "ws://b", true}, {"ws://a", "wss://b", true},
		{"wss://a", "https://b", false}, {"wss://a", "b", false}, {"wss://a", "", false}, {"", "ws://b", false},
		{"wss://a", "wss://" + strings.Repeat("b", maxURL), false},
	} {
		if got := mayResumeAt(c.address, c.gateway); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// No payload crashes the state machine, whichever state it is in; what it then does is
// bounded, and the numbers it delivers grow.
func FuzzMachine(f *testing.F) {
	for _, s := range []string{
		`{"op":10,"d":{"heartbeat_interval":41250}}` + "\n!\n" + `{"op":0,"s":1,"t":"READY","d":{"session_id":"s","resume_gateway_url":"wss://r"}}` + "\n" + `{"op":0,"s":3,"t":"GUILD_CREATE","d":{"id":"1","member_count":250}}`,
		`{"op":10,"d":{"heartbeat_interval":1e9}}` + "\n" + `{"op":9,"d":true}` + "\n" + `{"op":7}` + "\n" + `{"op":1}` + "\n" + `{"op":11}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, input string) {
		s := &script{m: newMachine(), now: began, rnd: 0.3}
		s.m.tick(s.now, s.rnd)
		numbers := map[string]uint64{}
		for line := range strings.SplitSeq(input, "\n") {
			switch p, err := encoding.Decode(encoding.JSON, []byte(line)); {
			case line == "!":
				s.m.permitted(s.now)
			case err != nil:
				s.m.unread()
			default:
				s.m.received(s.now, s.rnd, p)
			}
			for _, a := range s.m.take() {
				switch at := a.event.session; {
				case a.verb == doDial:
					s.m.opened(s.now)
				case a.verb == doDeliver && at.seq > 0 && at.id != "" && at.seq <= numbers[at.id] && a.event.name != readyName:
					t.Fatalf("%d after %d", at.seq, numbers[at.id])
				case a.verb == doDeliver:
					numbers[at.id] = at.seq
				}
			}
			s.now = s.now.Add(time.Second)
			s.m.tick(s.now, s.rnd)
		}
		if n := s.m.asked.waiting(); n > 200 {
			t.Fatalf("%d commands wait", n)
		}
	})
}

// FuzzGateway: no answer of an API crashes, and what it says is within bounds.
func FuzzGateway(f *testing.F) {
	f.Add([]byte(`{"url":"wss://g","shards":2,"session_start_limit":{"total":1000,"remaining":999,"reset_after":14400000,"max_concurrency":1}}`))
	f.Add([]byte(`{"url":"wss://g","shards":-1,"session_start_limit":{"reset_after":-9223372036854775808,"max_concurrency":-5}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		g, err := parseGateway(body)
		if err != nil {
			return
		}
		if checkURL(g.URL, "ws") != nil || g.Shards < 1 || g.Shards > MaxShards || g.Starts.ResetAfter < 0 || g.Starts.ResetAfter > 24*time.Hour {
			t.Fatalf("%+v", g)
		}
		s := NewStarts(g.Starts)
		if s.limit.MaxConcurrency < 1 || s.limit.MaxConcurrency > maxBuckets {
			t.Fatalf("%+v", s.limit)
		}
	})
}

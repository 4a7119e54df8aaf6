package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shop is a node with storage, and its commands.
type shop struct {
	t    *testing.T
	addr string
}

// do runs a command, given as words, to its end.
func (s *shop) do(stdin, command string) result {
	s.t.Helper()
	return runReal(s.t, stdin, append(strings.Fields(command), "--addr", s.addr)...)
}

// says runs a command that is to end with a code, and to say all of these, which are
// regular expressions.
func (s *shop) says(code int, command string, parts ...string) result {
	s.t.Helper()
	r := s.do("", command)
	if r.code != code {
		s.t.Errorf("%s: %+v, want %d", command, r, code)
	}
	for _, part := range parts {
		if !regexp.MustCompile(part).MatchString(r.stdout + r.stderr) {
			s.t.Errorf("%s: %q is not in %+v", command, part, r)
		}
	}
	return r
}

// group is how a consumer group of orders is.
func (s *shop) group(name string) (g consumerGroupJSON) {
	s.t.Helper()
	r := s.do("", "consumer-groups info orders "+name+" --json")
	if err := json.Unmarshal([]byte(r.stdout), &g); err != nil {
		s.t.Fatalf("%v: %+v", err, r)
	}
	return g
}

// orders makes a shop whose stream orders has the group billing and some events.
func orders(t *testing.T, events int) *shop {
	t.Helper()
	s := &shop{t: t, addr: store(t)}
	s.says(exitOK, "streams create orders --group billing")
	var lines strings.Builder
	for i := range events {
		fmt.Fprintf(&lines, "e%d\n", i+1)
	}
	if r := s.do(lines.String(), "publish orders --stdin --name line"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	return s
}

// data is what consume printed, an event's data each.
func (r result) data() (list []string) {
	for line := range strings.Lines(r.stdout) {
		words := strings.Fields(line)
		list = append(list, words[len(words)-1])
	}
	return list
}

// A consumer group from its making to its end, as people see it.
func TestConsumerGroupCommands(t *testing.T) {
	s := orders(t, 5)
	s.says(exitOK, "consumer-groups list orders", `orders +billing +5 +0 +- +- +0 +-\n`)
	if got := s.says(exitOK, "consume --group billing --drain --limit 2").data(); strings.Join(got, " ") != "e1 e2" {
		t.Errorf("%q", got)
	}
	if g := s.group("billing"); g.Lag != 3 || g.Pending != 0 || g.LastDelivered == nil {
		t.Errorf("%+v", g)
	}
	s.says(exitOK, "consumer-groups add orders mails --keyed --ack-wait 10s --max-deliver 3 --from newest", "mails of stream orders added")
	s.says(exitOK, "consumer-groups add orders mails --keyed --ack-wait 10s --max-deliver 3", "is there")
	s.says(exitError, "consumer-groups add orders mails", "keyed", "consumer-groups update")
	s.says(exitOK, "consumer-groups update orders mails --max-deliver 4")
	if g := s.group("mails"); g.Lag != 0 || !g.Keyed || g.AckWait != "10s" || g.MaxDeliver != 4 {
		t.Errorf("%+v", g)
	}
	s.says(exitOK, "streams info orders", `billing \[\.+\] 0 pending, lag 3`, `mails +\[#+\] 0 pending, lag 0`)
	s.says(exitOK, "status", "2 consumer groups, 0 lagging")
	s.says(exitOK, "consumer-groups seek orders mails --to oldest")
	if g := s.group("mails"); g.Lag != 3 { // two are gone: billing had acked them, and mails had not asked for them
		t.Errorf("%+v", g)
	}
	if got := s.says(exitOK, "consume --group mails --stream orders --drain --count 1").data(); strings.Join(got, " ") != "e3 e4 e5" {
		t.Errorf("%q", got)
	}
	s.says(exitOK, "consumer-groups remove orders mails --yes", "removed")
	s.says(exitError, "consume --group mails", "mails", "consumer-groups --help")
	s.says(exitError, "consumer-groups list nowhere", "declare it first")
	s.says(exitError, "consume --group billing --namespace other", "other|billing")
	s.says(exitOK, "consumer-groups list --all --namespace other --json", "^$")
	s.says(exitError, "consumer-groups seek orders billing --to 9999999999999-0", "position")
}

// manual is a consumer that acks by hand, beside the test.
func (s *shop) manual(command string) (*program, io.WriteCloser) {
	s.t.Helper()
	in, lines := io.Pipe()
	s.t.Cleanup(func() { _ = lines.Close() })
	return startReading(s.t, in, append(strings.Fields(command), "--manual-ack", "--addr", s.addr)...), lines
}

// printed waits until a program has printed so many lines, and returns the first word
// of each.
func (p *program) printed(t *testing.T, n int) (ids []string) {
	t.Helper()
	poll(t, fmt.Sprintf("%d lines", n), func() error {
		ids = nil
		for line := range strings.Lines(p.stdout.String()) {
			ids = append(ids, strings.Fields(line)[0])
		}
		if len(ids) != n {
			return fmt.Errorf("%q, %s", ids, p.stderr)
		}
		return nil
	})
	return ids
}

// What is in hand shows as pending, is refused to a second consumer of that number,
// and is handed to another one by a claim; who had it says nothing more.
func TestPendingAndClaimCommands(t *testing.T) {
	s := orders(t, 3)
	first, _ := s.manual("consume --group billing --count 3")
	first.printed(t, 3)
	s.says(exitOK, "pending orders billing", `1-3 +3 +\S+ +held +1 +1 `)
	s.says(exitOK, "pending orders billing --consumer 2 --json", `^$`)
	s.says(exitOK, "consumer-groups info orders billing", "1: connected, since .*, 3 events in hand")
	s.says(exitTaken, "consume --group billing", "another one is consumer 1")
	second, lines := s.manual("consume --group billing --count 3 --consumer 2")
	s.says(exitOK, "claim orders billing --from 1 --to 2", "moved 3 events from consumer 1 to consumer 2")
	ids := second.printed(t, 3)
	s.says(exitOK, "pending orders billing", `1-3 +3 +\S+ +held +2 +2 `)
	for _, id := range ids {
		fmt.Fprintln(lines, "ack", id)
	}
	poll(t, "nothing is pending", func() error {
		if g := s.group("billing"); g.Pending+g.Lag > 0 {
			return fmt.Errorf("%+v", g)
		}
		return nil
	})
	for _, p := range []*program{first, second} {
		p.interrupt()
		if r := p.end(t); r.code != exitOK {
			t.Errorf("%+v", r)
		}
	}
}

// What is terminated is a dead letter with its reason, which comes again when it is
// replayed, and is gone when it is dropped; a nack comes again after its delay.
func TestDeadLetterCommands(t *testing.T) {
	s := orders(t, 3)
	p, lines := s.manual("consume --group billing --count 3")
	ids := p.printed(t, 3)
	fmt.Fprintf(lines, "terminate %s no such address\nterminate %s closed\nnack %s 10ms\n", ids[0], ids[1], ids[2])
	again := p.printed(t, 4)[3]
	if again != ids[2] {
		t.Errorf("%s came again, not %s", again, ids[2])
	}
	fmt.Fprintln(lines, "ack", again)
	_ = lines.Close() // ends it
	if r := p.end(t); r.code != exitOK {
		t.Errorf("%+v", r)
	}
	poll(t, "they are dead letters", func() error {
		if r := s.do("", "dead list orders --json"); strings.Count(r.stdout, "\n") != 2 {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	s.says(exitOK, "dead list orders", `1 +\S+ +billing +1 +\d+-\d+ +line +no such address\n`, `2 .* closed\n`)
	s.says(exitOK, "dead replay orders 1 7", "replayed 1 dead letter of stream orders")
	if got := s.says(exitOK, "consume --group billing --drain").data(); strings.Join(got, " ") != "e1" {
		t.Errorf("%q", got)
	}
	s.says(exitOK, "dead drop orders --all --yes", "dropped 1 dead letter of")
	if r := s.do("", "dead list orders --json"); r.stdout != "" {
		t.Errorf("%+v", r)
	}
}

func TestBenchConsume(t *testing.T) {
	s := &shop{t: t, addr: store(t)}
	s.says(exitError, "bench consume load", "stream")
	s.says(exitOK, "streams create load")
	s.says(exitError, "bench consume load", "bench publish load")
	s.says(exitOK, "bench publish load --count 5000")
	s.says(exitOK, "bench consume load --batch 100", "consumed   5000 events", "of 5\\d\n", "0 delivered again, 0 not acked")
	if r := s.do("", "consumer-groups list load --json"); r.stdout != "" {
		t.Errorf("the group is there still: %+v", r)
	}
	s.says(exitOK, "bench publish load --count 3000") // nobody had them: the others are gone
	var report benchConsumeReport
	r := s.do("", "bench consume load --count 2500 --consumers 3 --keyed --json")
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || r.code != exitOK || report.Events != 2500 || !report.Keyed || report.LatencyP50 <= 0 || report.LatencyMax < report.LatencyP99 || report.Rate <= 0 {
		t.Errorf("%+v: %v", r, err)
	}
	s.says(exitOK, "consumer-groups add load mine")
	s.says(exitOK, "bench consume load --group mine --count 100")
	if r := s.do("", "consumer-groups info load mine --json"); !strings.Contains(r.stdout, `"group":"mine"`) {
		t.Errorf("%+v", r)
	}
	for _, args := range []string{"--consumers 0", "--batch 0", "--batch 65537", "--count 0", "--group g --keyed"} {
		s.says(exitUsage, "bench consume load "+args)
	}
}

// Events that are not there yet are waited for.
func TestBenchConsumeFollow(t *testing.T) {
	s := &shop{t: t, addr: store(t)}
	s.says(exitOK, "streams create load")
	p := start(t, "", "bench", "consume", "load", "--follow", "--count", "2000", "--addr", s.addr)
	poll(t, "the consumer is there", func() error {
		if r := s.do("", "consumer-groups list load --json"); !strings.Contains(r.stdout, `"consumer_count":1`) {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	s.says(exitOK, "bench publish load --count 2000")
	if r := p.end(t); r.code != exitOK || !strings.Contains(r.stdout, "consumed   2000 events") {
		t.Errorf("%+v", r)
	}
}

// One at a time has the lock; when it is released the next one has a greater token.
func TestLocksCommands(t *testing.T) {
	s := &shop{t: t, addr: store(t)}
	in, lines := io.Pipe()
	p := startReading(t, in, "locks", "run", "nightly", "--ttl", "2s", "--addr", s.addr, "--", "sh", "-c", "echo $EVENTNODE_LOCK_TOKEN; read line; exit 4")
	first := p.printed(t, 1)[0]
	s.says(exitOK, "locks info nightly", "is held with token "+first+" for another")
	if r := runReal(t, "", "locks", "run", "nightly", "--addr", s.addr, "--", "false"); r.code != exitTaken || !strings.Contains(r.stderr, "--wait") {
		t.Errorf("%+v", r)
	}
	waiting := start(t, "", "locks", "run", "nightly", "--wait", "20s", "--addr", s.addr, "--", "sh", "-c", "echo $EVENTNODE_LOCK_TOKEN")
	fmt.Fprintln(lines, "go on")
	_ = lines.Close()
	if r := p.end(t); r.code != 4 {
		t.Errorf("%+v", r)
	}
	r := waiting.end(t)
	if second := strings.TrimSpace(r.stdout); r.code != exitOK || len(second) < len(first) || len(second) == len(first) && second <= first {
		t.Errorf("%+v, after token %s", r, first)
	}
	s.says(exitOK, "locks info nightly", "is free")
}

// A restored cluster has the consumer groups where they were: what was acked does not
// come again, and what was in hand and what was not delivered yet does.
func TestRestoreKeepsConsumerGroups(t *testing.T) {
	dir := t.TempDir()
	addr, stop := storeAt(t, filepath.Join(dir, "data"))
	s := &shop{t: t, addr: addr}
	s.says(exitOK, "streams create orders --group audit")
	s.says(exitOK, "consumer-groups add orders billing --ack-wait 1s --max-deliver 7")
	if r := s.do("1\n2\n3\n4\n5\n6\n", "publish orders --stdin"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	s.says(exitOK, "consume --group billing --limit 2 --drain")
	p, _ := s.manual("consume --group billing --count 2")
	p.printed(t, 2)
	file := filepath.Join(dir, "backup.evn")
	before := s.group("billing")
	s.says(exitOK, "backup "+file)
	p.interrupt()
	p.end(t)
	stop()

	restored := filepath.Join(dir, "restored")
	if r := runReal(t, "", "restore", file, "--data", restored); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	s.addr, _ = storeAt(t, restored)
	after := s.group("billing")
	if before.Lag != 2 || before.Pending != 2 || after.Lag != 2 || after.Pending != 2 || after.MaxDeliver != 7 || after.LastDelivered.Position != before.LastDelivered.Position {
		t.Errorf("%+v, before %+v", after, before)
	}
	if g := s.group("audit"); g.Lag != 6 {
		t.Errorf("%+v", g)
	}
	var got []string
	poll(t, "all comes again that was not acked", func() error {
		// Consumer 1 was there when the backup was made: its lease ends first.
		got = append(got, s.do("", "consume --group billing --drain --consumer 2").data()...)
		if len(got) != 4 {
			return errors.New(strings.Join(got, " "))
		}
		return nil
	})
	seen := map[string]bool{}
	for _, data := range got {
		seen[data] = true
	}
	for _, data := range []string{"3", "4", "5", "6"} {
		if !seen[data] {
			t.Errorf("%s is not among %q", data, got)
		}
	}
}

package discordjs_test

import (
	"bufio"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/eventnode/eventnode/test/npm"
)

// line is what a program says of its library.
type line struct {
	What string
	Text string // of trouble, and of messages

	// Of raw events.
	Type    string
	Seq     uint64
	Shard   int
	ID      string
	Session string
	Resume  string

	Guild, Channel, Author, Status string
	Guilds, Names                  []string
	Shards, Replayed               int
	Compressed                     bool
}

// program is a Node.js program that runs, and what it has said so far.
type program struct {
	t     *testing.T
	in    io.WriteCloser
	lines chan line
	said  []line
}

// run starts a program, which ends with the test.
func run(t *testing.T, env []string, args ...string) *program {
	t.Helper()
	cmd := npm.Command(t, args...)
	cmd.Env, cmd.Stderr = append(cmd.Env, env...), t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, in: in, lines: make(chan line, 20_000)}
	go p.read(out)
	t.Cleanup(func() {
		_ = in.Close()
		for l := range p.lines { // Wait closes out
			p.trouble(l)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the end of %s: %v", args[0], err)
		}
	})
	return p
}

func (p *program) read(out io.Reader) {
	defer close(p.lines)
	for in := bufio.NewScanner(out); in.Scan(); {
		var l line
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			l = line{What: "trouble", Text: in.Text()}
		}
		p.lines <- l
	}
}

// trouble fails the test if that is what a line is about.
func (p *program) trouble(l line) {
	if l.What == "trouble" {
		p.t.Errorf("shard %d: %s", l.Shard, l.Text)
	}
}

// until waits for a line.
func (p *program) until(what string, is func(line) bool) line {
	p.t.Helper()
	late := time.After(patience)
	for {
		select {
		case l, more := <-p.lines:
			if !more {
				p.t.Fatalf("the program ended before: %s", what)
			}
			p.said = append(p.said, l)
			p.trouble(l)
			if is(l) {
				return l
			}
		case <-late:
			p.t.Fatalf("not within %v: %s; the newest: %+v", patience, what, p.said[max(0, len(p.said)-5):])
		}
	}
}

// says waits for a line about this.
func (p *program) says(what string) line {
	p.t.Helper()
	return p.until(what, func(l line) bool { return l.What == what })
}

// has waits until the library has handed on a message.
func (p *program) has(id string) {
	p.t.Helper()
	p.until("message "+id, func(l line) bool { return l.What == "message" && l.ID == id })
}

// ask has the program do something.
func (p *program) ask(what map[string]string) {
	p.t.Helper()
	if err := json.NewEncoder(p.in).Encode(what); err != nil {
		p.t.Fatal(err)
	}
}

// raw are the events of a type that the library received, in their order.
func (p *program) raw(eventType string) (list []line) {
	for _, l := range p.said {
		if l.What == "raw" && l.Type == eventType {
			list = append(list, l)
		}
	}
	return list
}

// ids are those of the messages that the library received, and that it handed on.
func (p *program) ids() (received, handed []string) {
	for _, l := range p.said {
		switch {
		case l.What == "raw" && l.Type == "MESSAGE_CREATE":
			received = append(received, l.ID)
		case l.What == "message":
			handed = append(handed, l.ID)
		}
	}
	return received, handed
}

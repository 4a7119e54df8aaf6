package proc

import (
	"bytes"
	"io"
)

// lines cuts what is written into lines and hands them on.
type lines struct {
	rest []byte
	to   chan []byte
	quit chan struct{} // closed when nobody receives any more
}

var _ io.Writer = (*lines)(nil)

// Write waits while the channel is full. After quit, lines are discarded.
func (l *lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte{'\n'})
		if !found {
			return len(b), nil
		}
		l.hand(bytes.Clone(line))
		l.rest = append(l.rest[:0], rest...)
	}
}

func (l *lines) hand(line []byte) {
	select {
	case l.to <- line:
	case <-l.quit:
	}
}

// flush hands on a last line that did not end.
func (l *lines) flush() {
	if len(l.rest) > 0 {
		l.hand(l.rest)
		l.rest = nil
	}
}

// prefixer writes whole lines, each behind a prefix.
type prefixer struct {
	prefix string
	rest   []byte
	to     io.Writer
}

var _ io.Writer = (*prefixer)(nil)

// Write passes on the lines that are whole. A log that fails is no reason to
// fail the process.
func (p *prefixer) Write(b []byte) (int, error) {
	p.rest = append(p.rest, b...)
	for {
		line, rest, found := bytes.Cut(p.rest, []byte{'\n'})
		if !found {
			return len(b), nil
		}
		p.put(line)
		p.rest = append(p.rest[:0], rest...)
	}
}

func (p *prefixer) put(line []byte) {
	_, _ = p.to.Write(append(append([]byte(p.prefix), line...), '\n'))
}

// flush writes a last line that did not end.
func (p *prefixer) flush() {
	if len(p.rest) > 0 {
		p.put(p.rest)
		p.rest = nil
	}
}

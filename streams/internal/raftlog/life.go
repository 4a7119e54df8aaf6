package raftlog

import (
	"errors"
	"sync"
)

// life knows which writes are under way, and whether there may be more.
type life struct {
	dead    chan struct{} // closed with the first failure
	settled chan struct{} // closed when dead and no write is under way
	idle    chan struct{} // closed when closed and no write is under way

	mu       sync.Mutex
	inflight int
	err      error // the first failure
	closed   bool

	deadOnce, settledOnce, idleOnce sync.Once
}

func newLife() *life {
	return &life{dead: make(chan struct{}), settled: make(chan struct{}), idle: make(chan struct{})}
}

// begin announces a write. It fails if there may be none.
func (l *life) begin() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.err != nil:
		return l.err
	case l.closed:
		return ErrClosed
	}
	l.inflight++
	return nil
}

// hold announces a write that belongs to one that has begun.
func (l *life) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inflight++
}

func (l *life) end() {
	l.mu.Lock()
	l.inflight--
	l.mu.Unlock()
	l.tell()
}

// fail keeps the first failure and returns it.
func (l *life) fail(err error) error {
	l.mu.Lock()
	if l.err == nil {
		l.err = err
	}
	err = l.err
	l.mu.Unlock()
	l.tell()
	return err
}

func (l *life) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.tell()
}

func (l *life) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// stuck reports whether a write was late and is still under way.
func (l *life) stuck() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Is(l.err, ErrLate) && l.inflight > 0
}

// tell closes the channels whose time has come.
func (l *life) tell() {
	l.mu.Lock()
	dead, idle, closed := l.err != nil, l.inflight == 0, l.closed
	l.mu.Unlock()
	if dead {
		l.deadOnce.Do(func() { close(l.dead) })
	}
	if dead && idle {
		l.settledOnce.Do(func() { close(l.settled) })
	}
	if closed && idle {
		l.idleOnce.Do(func() { close(l.idle) })
	}
}

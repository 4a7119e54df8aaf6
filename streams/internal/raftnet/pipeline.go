package raftnet

import (
	"sync"

	"github.com/hashicorp/raft"
)

// AppendEntriesPipeline opens a pipeline that ends with its first refusal.
//
// hashicorp/raft leaves a pipeline when a response has no success, also one that
// never came because the connection broke: its reader goes away. Its sender may be
// handing over the next request then, to nobody, and would wait there for good:
// heartbeats go on, and the follower gets nothing any more from this leader.
func (t *Transport) AppendEntriesPipeline(id raft.ServerID, target raft.ServerAddress) (raft.AppendPipeline, error) {
	inner, err := t.NetworkTransport.AppendEntriesPipeline(id, target)
	if err != nil {
		return nil, err
	}
	return newPipeline(inner, t.hold), nil
}

// pipeline passes responses on when they may be told (Transport.hold), and closes itself
// behind one without success. Its
// goroutine ends with Close, which hashicorp/raft calls when it is done with it.
type pipeline struct {
	raft.AppendPipeline
	hold      func(*raft.AppendEntriesRequest, *raft.AppendEntriesResponse, <-chan struct{}) error
	responses chan raft.AppendFuture // no room: raft reads at once
	once      sync.Once
	closed    chan struct{}
	err       error // of Close, valid when closed is closed
}

func newPipeline(inner raft.AppendPipeline, hold func(*raft.AppendEntriesRequest, *raft.AppendEntriesResponse, <-chan struct{}) error) *pipeline {
	p := &pipeline{AppendPipeline: inner, hold: hold, responses: make(chan raft.AppendFuture), closed: make(chan struct{})}
	go p.pass()
	return p
}

// pass passes responses on.
func (p *pipeline) pass() {
	for {
		select {
		case f := <-p.AppendPipeline.Consumer():
			refused := f.Error() != nil || !f.Response().Success
			if !refused && p.hold(f.Request(), f.Response(), p.closed) != nil {
				_ = p.Close() // the own log is dead, or raft is done: it is told nothing
				return
			}
			select {
			case p.responses <- f:
			case <-p.closed:
				return
			}
			if refused {
				_ = p.Close() // raft's own call says what came of it
				return
			}
		case <-p.closed:
			return
		}
	}
}

// Consumer implements raft.AppendPipeline.
func (p *pipeline) Consumer() <-chan raft.AppendFuture { return p.responses }

// Close implements raft.AppendPipeline. Who is sending gets an error.
func (p *pipeline) Close() error {
	p.once.Do(func() {
		p.err = p.AppendPipeline.Close()
		close(p.closed)
	})
	<-p.closed
	return p.err
}

package raftnet

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

// handOver is a pipeline as hashicorp/raft's is with two requests in flight: who
// sends waits until the one before has its response, and that is read.
type handOver struct {
	requests  chan *answered
	responses chan raft.AppendFuture
	closed    chan struct{}
}

func newHandOver(answer func(*raft.AppendEntriesRequest) (success bool, err error)) *handOver {
	h := &handOver{requests: make(chan *answered), responses: make(chan raft.AppendFuture), closed: make(chan struct{})}
	go func() {
		for {
			select {
			case f := <-h.requests:
				f.resp.Success, f.err = answer(f.req)
				select {
				case h.responses <- f:
				case <-h.closed:
					return
				}
			case <-h.closed:
				return
			}
		}
	}()
	return h
}

func (h *handOver) AppendEntries(req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	f := &answered{req: req, resp: resp}
	select {
	case h.requests <- f:
		return f, nil
	case <-h.closed:
		return nil, raft.ErrPipelineShutdown
	}
}

func (h *handOver) Consumer() <-chan raft.AppendFuture { return h.responses }

func (h *handOver) Close() error {
	close(h.closed)
	return nil
}

type answered struct {
	req  *raft.AppendEntriesRequest
	resp *raft.AppendEntriesResponse
	err  error
}

func (f *answered) Error() error                          { return f.err }
func (f *answered) Start() time.Time                      { return time.Time{} }
func (f *answered) Request() *raft.AppendEntriesRequest   { return f.req }
func (f *answered) Response() *raft.AppendEntriesResponse { return f.resp }

// A sender gets an error, and does not wait for good, when the reader has left the
// pipeline because of a refusal or a broken connection. Without either it goes on.
func TestARefusalEndsThePipeline(t *testing.T) {
	for name, answer := range map[string]func(*raft.AppendEntriesRequest) (bool, error){
		"a refusal":           func(r *raft.AppendEntriesRequest) (bool, error) { return r.Term < 3, nil },
		"a broken connection": func(r *raft.AppendEntriesRequest) (bool, error) { return r.Term < 3, errAt(r.Term, 3) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPipeline(newHandOver(answer), (&Transport{}).hold)
				read := make(chan uint64, 8)
				go func() {
					defer close(read)
					for f := range p.Consumer() {
						read <- f.Request().Term
						if f.Error() != nil || !f.Response().Success {
							return // as hashicorp/raft does
						}
					}
				}()
				var err error
				sent := uint64(0)
				for ; err == nil && sent < 100; sent++ {
					_, err = p.AppendEntries(&raft.AppendEntriesRequest{Term: sent + 1}, &raft.AppendEntriesResponse{})
				}
				if !errors.Is(err, raft.ErrPipelineShutdown) || sent < 3 {
					t.Errorf("after %d requests: %v", sent, err)
				}
				last := uint64(0)
				for term := range read {
					last = term
				}
				if last != 3 {
					t.Errorf("read responses up to %d, want the refusal, 3", last)
				}
				if err := p.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func errAt(term, broken uint64) error {
	if term < broken {
		return nil
	}
	return errors.New("connection reset")
}

// What others have is told when the own disk has it, in order, and nothing is told if it
// never will. A heartbeat, and a refusal, wait for nothing.
func TestThePipelineWaitsForTheOwnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		durable := make(chan struct{})
		tr := &Transport{await: func(index uint64, give <-chan struct{}) error {
			select {
			case <-durable:
			case <-give:
				return errors.New("given up")
			}
			if index > 4 {
				return errors.New("the disk is gone")
			}
			return nil
		}}
		p := newPipeline(newHandOver(func(*raft.AppendEntriesRequest) (bool, error) { return true, nil }), tr.hold)
		send := func(indexes ...uint64) {
			req := &raft.AppendEntriesRequest{}
			for _, i := range indexes {
				req.Entries = append(req.Entries, &raft.Log{Index: i})
			}
			if _, err := p.AppendEntries(req, &raft.AppendEntriesResponse{}); err != nil {
				t.Error(err)
			}
		}
		send()
		<-p.Consumer()
		send(3, 4)
		synctest.Wait()
		select {
		case <-p.Consumer():
			t.Error("told before it is durable here")
		default:
		}
		close(durable)
		if f := <-p.Consumer(); len(f.Request().Entries) != 2 {
			t.Errorf("%v", f.Request())
		}
		send(5)
		synctest.Wait()
		if _, err := p.AppendEntries(&raft.AppendEntriesRequest{}, &raft.AppendEntriesResponse{}); !errors.Is(err, raft.ErrPipelineShutdown) {
			t.Errorf("the pipeline goes on without a disk: %v", err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

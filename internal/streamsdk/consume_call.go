package streamsdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/streamsdk/hands"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// openWait bounds how long a node may take to open a call. An election is shorter.
const openWait = 10 * time.Second

// session is one call that is open.
type session struct {
	*keeper
	ConsumeCall
	address string
	ended   chan struct{} // closed when there is nothing more to receive, because of err
	err     error
}

// open opens a call, at the leader if it is known where that is.
func (k *keeper) open(ctx context.Context, names []string) (*session, error) {
	address := k.leader
	if address == k.avoided && time.Now().Before(k.notBefore) {
		address = ""
	}
	k.leader = ""
	s, opened, err := k.enter(ctx, address, names)
	if err != nil {
		return nil, err
	}
	if to := opened.GetLeaderAddress(); to != "" && to != address && (to != k.avoided || time.Now().After(k.notBefore)) {
		if call, err := k.k.c.cfg.Consumers.Consume(ctx, to); err != nil {
			k.avoid(to, err)
		} else {
			s.Close()
			if s, opened, err = k.begin(ctx, call, to, names); err != nil {
				return nil, err
			}
		}
	}
	k.begun(names, opened.GetOpened())
	return s, nil
}

// enter opens a call at an address, or else at the own node.
func (k *keeper) enter(ctx context.Context, address string, names []string) (*session, *hands.Message, error) {
	call, err := k.k.c.cfg.Consumers.Consume(ctx, address)
	if err != nil && address != "" {
		k.avoid(address, err)
		address = ""
		call, err = k.k.c.cfg.Consumers.Consume(ctx, address)
	}
	if err != nil {
		return nil, nil, err
	}
	return k.begin(ctx, call, address, names)
}

// begin opens a call, without credit: nothing is delivered to one that is left at once.
func (k *keeper) begin(ctx context.Context, call ConsumeCall, address string, names []string) (*session, *hands.Message, error) {
	late := time.AfterFunc(openWait, call.Close)
	defer late.Stop()
	m, err := k.ask(call, names)
	if err != nil {
		call.Close()
		if address != "" {
			k.avoid(address, err)
		}
		if ctx.Err() == nil && !late.Stop() {
			err = fmt.Errorf("the node did not open a consumer: %w: %w", eventnode.ErrUnavailable, err)
		}
		return nil, nil, err
	}
	return &session{keeper: k, ConsumeCall: call, address: address, ended: make(chan struct{})}, m, nil
}

// ask sends the first request, and waits for the first response.
func (k *keeper) ask(call ConsumeCall, names []string) (*hands.Message, error) {
	_ = call.Send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Open{Open: &eventnodev1.OpenConsumer{
		Namespace: k.k.c.cfg.Namespace, Group: k.k.group, Consumer: k.number, Streams: names, Holder: k.k.holder,
		CountBytes: true, Each: k.k.o.EachStream,
	}}}) // Recv says why it failed
	m, err := receive(call)
	if err == nil && m.GetOpened() == nil {
		err = fmt.Errorf("the first response does not open the consumer: %w", wire.ErrMalformed)
	}
	return m, err
}

func receive(call ConsumeCall) (*hands.Message, error) {
	piece, err := call.Recv()
	if err != nil {
		return nil, err
	}
	return hands.Parse(piece)
}

// avoid leaves the leader at an address alone for a while.
func (k *keeper) avoid(address string, why error) {
	k.avoided, k.notBefore = address, time.Now().Add(leaderPause)
	k.log.Debug("no way to the leader but through another node", "address", address, "error", why)
}

// begun takes note of the consumer that was opened. A lease that was lost is another one
// now.
func (k *keeper) begun(names []string, o *eventnodev1.ConsumerOpened) {
	k.mu.Lock()
	k.number, k.names, k.connected = o.GetConsumer(), names, true
	k.hands.Open(names, o.GetEpoch())
	lost := k.lease.ctx.Err() != nil && k.handlers.Err() == nil
	k.mu.Unlock()
	k.ttl = o.GetLeaseTtl().AsDuration()
	if lost {
		k.renew(k.handlers)
	}
}

// serve sends and receives until the call ends, and says why.
func (s *session) serve(ctx context.Context) error {
	var receiver sync.WaitGroup
	receiver.Go(func() {
		defer close(s.ended)
		s.err = s.receiveAll()
	})
	err := s.sendAll(ctx)
	s.Close()
	receiver.Wait()
	if err == nil {
		err = s.err
	}
	if s.address != "" && !errors.Is(err, errReopen) && s.leader == "" {
		s.avoid(s.address, err)
	}
	return err
}

// sendAll sends what there is to say; nil: receiveAll says why it ended.
func (s *session) sendAll(ctx context.Context) error {
	look := time.NewTimer(0)
	defer look.Stop()
	<-look.C
	armed := false
	for {
		s.mu.Lock()
		req, step := s.hands.Next()
		every := s.hands.ExtendEvery()
		s.mu.Unlock()
		switch step {
		case hands.Send:
			if s.Send(req) != nil {
				<-s.ended
				return nil
			}
			continue
		case hands.HalfClose:
			_ = s.CloseSend() // Recv says how it went
			continue
		case hands.Wait:
		}
		if every > 0 && !armed {
			look.Reset(every)
			armed = true
		}
		select {
		case <-s.work:
		case <-look.C:
			armed = false
			s.mu.Lock()
			s.hands.Extend(time.Now())
			s.mu.Unlock()
		case <-s.reopen:
			return errReopen
		case <-s.ended:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// receiveAll takes what comes until the call ends, and says why.
func (s *session) receiveAll() error {
	for {
		m, err := receive(s.ConsumeCall)
		if err == nil {
			err = s.take(m)
		}
		switch {
		case err == nil:
			continue
		case !errors.Is(err, io.EOF):
			return err
		}
		return fmt.Errorf("the call ended: %w", eventnode.ErrUnavailable)
	}
}

// take takes one message.
func (s *session) take(m *hands.Message) error {
	s.mu.Lock()
	refused, err := s.hands.Receive(m, time.Now())
	s.answered()
	s.mu.Unlock()
	for _, why := range refused {
		s.log.Info("events were not settled", "error", why)
		if errors.Is(why, eventnode.ErrFenced) {
			err = why
		}
	}
	if moved := m.GetMoved(); moved != nil {
		s.leader = moved.GetLeaderAddress()
	}
	signal(s.work)
	signal(s.wake)
	return err
}

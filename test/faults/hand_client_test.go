package faults_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// handClient is a consumer whose every step is recorded. It asks for one event at a time,
// so that it is known after what an event was handed out.
type handClient struct {
	*handed
	*wire
	id       int
	consumer uint32
	holder   []byte
	rnd      *rand.Rand
}

// handCall is one call of it.
type handCall struct {
	*handClient
	stream grpc.BidiStreamingClient[eventnodev1.ConsumeRequest, eventnodev1.ConsumeResponse]
	epoch  uint64
	asked  time.Time // for the next event
	heard  time.Time // anything
	owes   bool      // it has not asked for the next event, having enough
	inHand []handEvent
	acks   map[uint64]handEvent // under way
	number uint64               // of the last request
	ended  error                // why there are no more answers; set before that is said
}

// handEvent is an event in hand, or an ack of it.
type handEvent struct {
	number uint64
	due    time.Time // when it is acked; zero: it is forgotten
	begun  time.Time // the ack
}

// run consumes until it is over.
func (c *handClient) run() {
	for c.wait(time.Duration(20+c.rnd.IntN(100)) * time.Millisecond) {
		if c.call() {
			c.holder = newHolder() // it gave its consumer back
		} else {
			c.next()
		}
	}
}

// call consumes for a while, and reports whether it gave its consumer back.
func (c *handClient) call() (closed bool) {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	call := &handCall{handClient: c, acks: map[uint64]handEvent{}}
	defer call.end()
	answers, ok := call.open(ctx, cancel)
	if !ok {
		return false
	}
	long := 500 + c.rnd.IntN(3000)
	enough := time.NewTimer(time.Duration(long) * time.Millisecond)
	defer enough.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case m, more := <-answers:
			if !more {
				return false
			}
			call.heard = time.Now()
			call.take(m)
		case <-tick.C:
			if !call.step() {
				return false
			}
		case <-enough.C:
			if long%2 == 0 || len(call.acks) > 0 {
				return false // as if the connection broke
			}
			return call.close(answers)
		}
	}
}

// open opens the call; what comes then comes through the channel, which is closed with
// the call.
func (c *handCall) open(ctx context.Context, cancel func()) (<-chan *eventnodev1.ConsumeResponse, bool) {
	begun := time.Now()
	late := time.AfterFunc(wireTimeout, cancel)
	defer late.Stop()
	var err error
	if c.stream, err = c.consumers().Consume(ctx); err != nil {
		return nil, false
	}
	if err := c.stream.Send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Open{Open: &eventnodev1.OpenConsumer{
		Group: handGroup, Consumer: c.consumer, Streams: []string{handStream}, Holder: c.holder,
	}}}); err != nil {
		return nil, false
	}
	m, err := c.stream.Recv()
	if err != nil || m.GetOpened() == nil {
		return nil, false
	}
	c.epoch, c.heard = m.GetOpened().GetEpoch(), time.Now()
	c.add(c.id, handInput{Verb: handOpen, Consumer: c.consumer, Epoch: c.epoch}, handDone, begun)
	answers := make(chan *eventnodev1.ConsumeResponse)
	c.work.Go(func() {
		defer close(answers)
		for {
			m, err := c.stream.Recv()
			if err != nil {
				c.ended = err
				return
			}
			select {
			case answers <- m:
			case <-ctx.Done():
				return
			}
		}
	})
	return answers, c.credit()
}

// credit asks for the next event.
func (c *handCall) credit() bool {
	c.asked, c.owes = time.Now(), false
	return c.stream.Send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Credit{Credit: &eventnodev1.ConsumerCredit{Events: 1}}}) == nil
}

// take takes an answer.
func (c *handCall) take(m *eventnodev1.ConsumeResponse) {
	for _, d := range m.GetDeliveries() {
		for _, s := range d.GetSlices() {
			for i := range s.GetCount() {
				number := s.GetNumber() + uint64(i)
				c.add(c.id, handInput{Verb: handDeliver, Consumer: c.consumer, Epoch: c.epoch, Event: number, Deliveries: d.GetDeliveries()}, handDone, c.asked)
				c.inHand = append(c.inHand, handEvent{number: number, due: c.when()})
				c.owes = true
			}
		}
	}
	for _, r := range m.GetResults() {
		ack := c.acks[r.GetRequest()]
		delete(c.acks, r.GetRequest())
		c.add(c.id, c.acking(ack.number), answerOf(r), ack.begun)
	}
}

// when is when an event is acked that came now: soon, later than its ack wait, or never.
func (c *handCall) when() time.Time {
	most := int64(60 * time.Millisecond)
	if !c.isCalm() {
		switch c.rnd.IntN(10) {
		case 0:
			return time.Time{}
		case 1, 2:
			most = int64(2 * handWait)
		}
	}
	return time.Now().Add(time.Duration(c.rnd.Int64N(most)))
}

// answerOf is what became of an ack of one event.
func answerOf(r *eventnodev1.SettleResult) handAnswer {
	switch {
	case r.GetErrorReason() == "FENCED":
		return handFenced
	case r.GetErrorReason() == "NOT_PENDING", r.GetMissed() > 0:
		return handMissed
	case r.GetErrorReason() != "":
		return handUnknown
	case r.GetAlready() > 0:
		return handAlready
	}
	return handDone
}

func (c *handCall) acking(number uint64) handInput {
	return handInput{Verb: handAck, Consumer: c.consumer, Epoch: c.epoch, Event: number}
}

// step acks what is due, and asks for more; false: the call is of no use any more.
func (c *handCall) step() bool {
	now := time.Now()
	if len(c.acks) > 0 && now.Sub(c.heard) > wireTimeout {
		return false // its node is paused
	}
	var left []handEvent
	for _, e := range c.inHand {
		if e.due.IsZero() {
			continue
		}
		if now.Before(e.due) {
			left = append(left, e)
			continue
		}
		c.number++
		e.begun = now
		if len(c.acks) == 0 {
			c.heard = now
		}
		c.acks[c.number] = e
		if c.stream.Send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Settle{Settle: &eventnodev1.SettleEvents{
			Request: c.number, Verb: eventnodev1.Verb_VERB_ACK,
			Events: []*eventnodev1.StreamEvents{{Numbers: []*eventnodev1.NumberRange{{From: e.number, To: e.number}}}},
		}}}) != nil {
			return false
		}
	}
	c.inHand = left
	if c.owes && len(c.inHand) < handAtOnce {
		return c.credit()
	}
	return true
}

// close gives the consumer back, with all that it has in hand, and reports whether that
// is sure.
func (c *handCall) close(answers <-chan *eventnodev1.ConsumeResponse) bool {
	if c.stream.Send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Close{Close: &eventnodev1.CloseConsumer{}}}) != nil {
		return false
	}
	late := time.NewTimer(wireTimeout)
	defer late.Stop()
	for {
		select {
		case m, more := <-answers:
			if !more {
				return errors.Is(c.ended, io.EOF)
			}
			c.take(m)
		case <-late.C:
			return false
		}
	}
}

// end records what is not known of acks.
func (c *handCall) end() {
	for _, e := range c.acks {
		c.add(c.id, c.acking(e.number), handUnknown, e.begun)
	}
}

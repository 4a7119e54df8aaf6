package streams

import (
	"context"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Groups are added, changed, listed by pages, moved and removed, also through a node
// that does not lead.
func TestConsumerGroupsAreManaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _, m, _ := withFollower(t)
		m.work()
		api := n.consumers()
		n.declare(t, "s", nil)
		first := n.publish(t, "s", events("1", "2")...)
		add := &eventnodev1.AddConsumerGroupRequest{Stream: streamName("s"), Group: "b", Config: &eventnodev1.ConsumerGroupConfig{Keyed: true, AckWait: seconds(5)},
			Start: &eventnodev1.StartPlace{Place: &eventnodev1.StartPlace_Newest{Newest: true}}}
		if resp, err := api.AddConsumerGroup(t.Context(), add); err != nil || !resp.GetCreated() {
			t.Fatalf("%v, %v", resp, err)
		}
		if resp, err := api.AddConsumerGroup(t.Context(), add); err != nil || resp.GetCreated() {
			t.Errorf("again: %v, %v", resp, err)
		}
		n.addGroup(t, "s", "a", nil)
		list, err := api.ListConsumerGroups(t.Context(), &eventnodev1.ListConsumerGroupsRequest{Stream: streamName("s"), Limit: 1})
		if err != nil || len(list.GetGroups()) != 1 || !list.GetMore() || list.GetGroups()[0].GetGroup() != "a" || list.GetGroups()[0].GetLag() != 2 ||
			list.GetGroups()[0].GetConfig().GetMaxDeliver() != 20 || list.GetNow().AsTime().IsZero() {
			t.Errorf("%v, %v", list, err)
		}
		list, err = api.ListConsumerGroups(t.Context(), &eventnodev1.ListConsumerGroupsRequest{Stream: streamName("s"), After: "a"})
		if err != nil || len(list.GetGroups()) != 1 || list.GetMore() || list.GetGroups()[0].GetLag() != 0 || !list.GetGroups()[0].GetConfig().GetKeyed() {
			t.Errorf("%v, %v", list, err)
		}
		if _, err := api.SeekConsumerGroup(t.Context(), &eventnodev1.SeekConsumerGroupRequest{Stream: streamName("s"), Group: "b",
			To: &eventnodev1.StartPlace{Place: &eventnodev1.StartPlace_Position{Position: &eventnodev1.Position{Ms: first.GetMs(), Seq: first.GetSeq() + 1}}}}); err != nil {
			t.Error(err)
		}
		if g := n.group(t, "s", "b"); g.GetLag() != 1 {
			t.Errorf("moved: %v", g)
		}
		if _, err := api.UpdateConsumerGroup(t.Context(), &eventnodev1.UpdateConsumerGroupRequest{Stream: streamName("s"), Group: "b", Config: &eventnodev1.ConsumerGroupConfig{MaxDeliver: 3}}); err != nil {
			t.Error(err)
		}
		if g := n.group(t, "s", "b"); g.GetConfig().GetKeyed() || g.GetConfig().GetMaxDeliver() != 3 {
			t.Errorf("updated: %v", g)
		}
		if _, err := api.RemoveConsumerGroup(t.Context(), &eventnodev1.RemoveConsumerGroupRequest{Stream: streamName("s"), Group: "b"}); err != nil {
			t.Error(err)
		}
		_, err = api.ListConsumerGroups(t.Context(), &eventnodev1.ListConsumerGroupsRequest{Stream: streamName("s"), Group: "b"})
		wantStatus(t, err, codes.NotFound, eventnode.ErrConsumerGroupNotFound)
	})
}

// What is pending is listed, by consumer too, and a consumer is deleted: who holds it is
// fenced, and others have what it had.
func TestPendingAndDeletedConsumers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := withGroup(t, nil)
		n.publish(t, "s", events("1", "2", "3")...)
		a := n.consume(t, opening1("g", 2, "s"))
		a.take(2)
		b := n.consume(t, opening1("g", 10, "s"))
		b.take(1)
		b.none()
		list, err := n.consumers().ListPending(t.Context(), &eventnodev1.ListPendingRequest{Stream: streamName("s"), Group: "g", Limit: 1})
		if err != nil || len(list.GetEntries()) != 1 || list.GetNext() != 3 {
			t.Fatalf("%v, %v", list, err)
		}
		if e := list.GetEntries()[0]; e.GetConsumer() != 1 || e.GetNumbers()[0].GetTo() != 2 || e.GetPlace() != eventnodev1.PendingPlace_PENDING_PLACE_HELD || e.GetFirst() == nil || e.GetDue() == nil {
			t.Errorf("entry %v", e)
		}
		list, err = n.consumers().ListPending(t.Context(), &eventnodev1.ListPendingRequest{Stream: streamName("s"), Group: "g", Consumer: 2})
		if err != nil || len(list.GetEntries()) != 1 || list.GetEntries()[0].GetNumbers()[0].GetFrom() != 3 {
			t.Errorf("%v, %v", list, err)
		}
		resp, err := n.consumers().DeleteConsumer(t.Context(), &eventnodev1.DeleteConsumerRequest{Stream: streamName("s"), Group: "g", Consumer: 1})
		if err != nil || resp.GetMoved() != 2 {
			t.Errorf("%v, %v", resp, err)
		}
		wantStatus(t, a.ended(), codes.Aborted, eventnode.ErrFenced)
		b.take(2)
	})
}

// Who consumes a group or a stream that is removed is told so.
func TestConsumersOfWhatIsRemovedEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := withGroup(t, nil)
		n.addGroup(t, "s", "h", nil)
		a, b := n.consume(t, opening1("g", 1, "s")), n.consume(t, opening1("h", 1, "s"))
		a.none()
		b.none()
		if _, err := n.consumers().RemoveConsumerGroup(t.Context(), &eventnodev1.RemoveConsumerGroupRequest{Stream: streamName("s"), Group: "g"}); err != nil {
			t.Fatal(err)
		}
		wantStatus(t, a.ended(), codes.NotFound, eventnode.ErrConsumerGroupNotFound)
		if _, err := n.api.DeleteStream(t.Context(), &eventnodev1.DeleteStreamRequest{Stream: streamName("s")}); err != nil {
			t.Fatal(err)
		}
		wantStatus(t, b.ended(), codes.NotFound, eventnode.ErrStreamNotFound)
	})
}

func TestConsumerErrors(t *testing.T) { synctest.Test(t, testConsumerErrors) }

func testConsumerErrors(t *testing.T) {
	n, _ := withGroup(t, nil)
	n.publish(t, "s", events("1")...)
	held := n.consume(t, opening1("g", 1, "s"))
	held.take(1)
	consume := func(change func(*eventnodev1.OpenConsumer)) error {
		o := opening1("g", 1, "s")
		change(o)
		_, err := n.tryConsume(t, o)
		return err
	}
	claim := func(from, to uint32) error {
		_, err := n.consumers().ClaimPending(t.Context(), &eventnodev1.ClaimPendingRequest{Stream: streamName("s"), Group: "g", From: from, To: to})
		return err
	}
	seek := func(to *eventnodev1.StartPlace) error {
		_, err := n.consumers().SeekConsumerGroup(t.Context(), &eventnodev1.SeekConsumerGroupRequest{Stream: streamName("s"), Group: "g", To: to})
		return err
	}
	drop := func(stream string, numbers ...*eventnodev1.NumberRange) error {
		_, err := n.consumers().DropDeadLetters(t.Context(), &eventnodev1.DropDeadLettersRequest{Stream: streamName(stream), Numbers: numbers})
		return err
	}
	obtain := func(holder int, ttl time.Duration, name string) error {
		_, err := n.locks().ObtainLock(t.Context(), &eventnodev1.ObtainLockRequest{Lock: lockName(name), Holder: make([]byte, holder), Ttl: durationpb.New(ttl)})
		return err
	}
	_, noConsumer := n.consumers().DeleteConsumer(t.Context(), &eventnodev1.DeleteConsumerRequest{Stream: streamName("s"), Group: "g"})
	invalid, bad := codes.InvalidArgument, eventnode.ErrInvalidArgument
	for name, c := range map[string]struct {
		err  error
		code codes.Code
		want error
	}{
		"no stream":           {consume(func(o *eventnodev1.OpenConsumer) { o.Streams = nil }), invalid, bad},
		"stream twice":        {consume(func(o *eventnodev1.OpenConsumer) { o.Streams = []string{"s", "s"} }), invalid, bad},
		"too many streams":    {consume(func(o *eventnodev1.OpenConsumer) { o.Streams = make([]string, 257) }), codes.ResourceExhausted, eventnode.ErrLimit},
		"unknown stream":      {consume(func(o *eventnodev1.OpenConsumer) { o.Streams[0] = "x" }), codes.NotFound, eventnode.ErrStreamNotFound},
		"unknown group":       {consume(func(o *eventnodev1.OpenConsumer) { o.Group = "x" }), codes.NotFound, eventnode.ErrConsumerGroupNotFound},
		"number of unknown":   {consume(func(o *eventnodev1.OpenConsumer) { o.Group, o.Consumer = "x", 3 }), codes.NotFound, eventnode.ErrConsumerGroupNotFound},
		"no group":            {consume(func(o *eventnodev1.OpenConsumer) { o.Group = "" }), invalid, bad},
		"short holder":        {consume(func(o *eventnodev1.OpenConsumer) { o.Holder = []byte{1} }), invalid, bad},
		"taken":               {consume(func(o *eventnodev1.OpenConsumer) { o.Consumer = 1 }), codes.FailedPrecondition, eventnode.ErrLeaseTaken},
		"claim from itself":   {claim(1, 1), invalid, bad},
		"claim from nobody":   {claim(0, 1), invalid, bad},
		"claim of unknown":    {claim(7, 1), codes.OK, nil},
		"delete nobody":       {noConsumer, invalid, bad},
		"seek past the end":   {seek(&eventnodev1.StartPlace{Place: &eventnodev1.StartPlace_Position{Position: &eventnodev1.Position{Ms: math.MaxInt64}}}), invalid, bad},
		"seek to the future":  {seek(&eventnodev1.StartPlace{Place: &eventnodev1.StartPlace_Time{Time: timestamppb.New(time.Now().Add(time.Hour))}}), invalid, bad},
		"seek to no time":     {seek(&eventnodev1.StartPlace{Place: &eventnodev1.StartPlace_Time{Time: &timestamppb.Timestamp{Nanos: -1}}}), invalid, bad},
		"drop nothing":        {drop("s"), invalid, bad},
		"drop backwards":      {drop("s", &eventnodev1.NumberRange{From: 2, To: 1}), invalid, bad},
		"drop out of order":   {drop("s", &eventnodev1.NumberRange{From: 2, To: 3}, &eventnodev1.NumberRange{From: 4, To: 5}), invalid, bad},
		"drop of unknown":     {drop("x", &eventnodev1.NumberRange{From: 1, To: 1}), codes.NotFound, eventnode.ErrStreamNotFound},
		"lock for no time":    {obtain(16, 0, "l"), invalid, bad},
		"lock of no holder":   {obtain(0, time.Second, "l"), invalid, bad},
		"lock without a name": {obtain(16, time.Second, ""), invalid, bad},
		"long lock name":      {obtain(16, time.Second, strings.Repeat("a", 256)), codes.ResourceExhausted, eventnode.ErrLimit},
	} {
		if c.want == nil {
			if c.err != nil {
				t.Errorf("%s: %v", name, c.err)
			}
			continue
		}
		t.Log(name)
		wantStatus(t, c.err, c.code, c.want)
	}
	for name, c := range map[string]struct {
		settle *eventnodev1.SettleEvents
		want   string
	}{
		"no verb":          {&eventnodev1.SettleEvents{Events: named([]delivered{{number: 1}})}, "INVALID_ARGUMENT"},
		"no event":         {&eventnodev1.SettleEvents{Verb: eventnodev1.Verb_VERB_ACK}, "INVALID_ARGUMENT"},
		"no such stream":   {&eventnodev1.SettleEvents{Verb: eventnodev1.Verb_VERB_ACK, Events: named([]delivered{{stream: 1, number: 1}})}, "INVALID_ARGUMENT"},
		"not delivered":    {&eventnodev1.SettleEvents{Verb: eventnodev1.Verb_VERB_ACK, Events: named([]delivered{{number: 9}})}, "NOT_PENDING"},
		"negative delay":   {&eventnodev1.SettleEvents{Verb: eventnodev1.Verb_VERB_NACK, Delay: seconds(-1), Events: named([]delivered{{number: 1}})}, "INVALID_ARGUMENT"},
		"extend by none":   {&eventnodev1.SettleEvents{Verb: eventnodev1.Verb_VERB_EXTEND, Delay: seconds(0), Events: named([]delivered{{number: 1}})}, "INVALID_ARGUMENT"},
		"too many at once": {&eventnodev1.SettleEvents{Verb: eventnodev1.Verb_VERB_ACK, Events: []*eventnodev1.StreamEvents{{Numbers: []*eventnodev1.NumberRange{{From: 1, To: 70_000}}}}}, "INVALID_ARGUMENT"},
		"long reason":      {&eventnodev1.SettleEvents{Verb: eventnodev1.Verb_VERB_TERMINATE, Reason: strings.Repeat("a", 1025), Events: named([]delivered{{number: 1}})}, "LIMIT"},
	} {
		if r := held.settle(c.settle); r.GetErrorReason() != c.want || r.GetErrorMessage() == "" || r.GetSettled() != 0 {
			t.Errorf("%s: %v, want %s", name, r, c.want)
		}
	}
	held.send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Open{Open: opening1("g", 1, "s")}})
	wantStatus(t, held.ended(), invalid, bad)
}

// Too many consumers, and a first request that opens nothing.
func TestConsumerLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t)
		var err error
		if m.desk, err = consumingDesk(1); err != nil {
			t.Fatal(err)
		}
		n := newCluster(t, nil, m).nodes[0]
		m.work()
		n.declare(t, "s", nil)
		n.addGroup(t, "s", "g", nil)
		n.consume(t, opening1("g", 1, "s"))
		_, err = n.tryConsume(t, opening1("g", 1, "s"))
		wantStatus(t, err, codes.ResourceExhausted, eventnode.ErrLimit)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		stream, err := n.consumers().Consume(ctx)
		if err == nil {
			err = stream.Send(&eventnodev1.ConsumeRequest{})
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = stream.Recv()
		wantStatus(t, err, codes.InvalidArgument, eventnode.ErrInvalidArgument)
	})
}

// Groups and locks of one namespace are not those of another.
func TestNamespacesKeepGroupsAndLocksApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := withGroup(t, nil)
		n.publish(t, "s", events("1")...)
		other := &eventnodev1.StreamName{Namespace: "other", Name: "s"}
		if _, err := n.api.DeclareStream(t.Context(), &eventnodev1.DeclareStreamRequest{Stream: other, Config: &eventnodev1.StreamConfig{Groups: []string{"g"}}}); err != nil {
			t.Fatal(err)
		}
		open := opening1("g", 5, "s")
		open.Namespace = "other"
		n.consume(t, open).none()
		n.consume(t, opening1("g", 5, "s")).take(1)
		for _, namespace := range []string{"", "other"} {
			if _, err := n.locks().ObtainLock(t.Context(), &eventnodev1.ObtainLockRequest{Lock: &eventnodev1.LockName{Namespace: namespace, Name: "l"}, Holder: newHolder(), Ttl: seconds(9)}); err != nil {
				t.Errorf("lock in %q: %v", namespace, err)
			}
		}
	})
}

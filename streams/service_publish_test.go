package streams

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// one publishes a batch and returns what became of it.
func (n *testNode) one(t testing.TB, b *eventnodev1.PublishBatch) *eventnodev1.PublishResult {
	t.Helper()
	resp, err := n.api.Publish(t.Context(), &eventnodev1.PublishRequest{Batches: []*eventnodev1.PublishBatch{b}})
	if err != nil || len(resp.GetResults()) != 1 {
		t.Fatal(resp, err)
	}
	return resp.GetResults()[0]
}

// with is events of which the last one was changed.
func with(change func(*eventnodev1.Event), names ...string) []*eventnodev1.Envelope {
	out := events(names...)
	change(out[len(out)-1].Event)
	return out
}

// A batch succeeds or fails alone, and its error says which event is to blame.
func TestBatchErrors(t *testing.T) {
	n, _ := alone(t, func(c *ServiceConfig) { c.MaxEventBytes, c.MaxBatchBytes, c.MaxBatchEvents = 500, 2000, 20 })
	n.declare(t, "a", nil)
	n.declare(t, "full", &eventnodev1.StreamConfig{MaxBytes: 10})
	a := streamName("a")
	batch := func(envelopes ...*eventnodev1.Envelope) *eventnodev1.PublishBatch {
		return &eventnodev1.PublishBatch{Stream: a, Envelopes: envelopes}
	}
	meta := func(key string) []*eventnodev1.Envelope {
		return with(func(e *eventnodev1.Event) { e.Meta = map[string]string{"good": "", key: "v"} }, "1", "2")
	}
	topics := make([]string, 257)
	tests := map[string]struct {
		batch  *eventnodev1.PublishBatch
		reason string
		words  string
	}{
		"no stream":       {&eventnodev1.PublishBatch{Envelopes: events("1")}, "INVALID_ARGUMENT", "no stream"},
		"absent":          {&eventnodev1.PublishBatch{Stream: streamName("b"), Envelopes: events("1")}, "STREAM_NOT_FOUND", `"b"`},
		"empty":           {batch(), "INVALID_ARGUMENT", "without events"},
		"no event":        {batch(&eventnodev1.Envelope{}), "INVALID_EVENT", "event 0"},
		"no name":         {batch(with(func(e *eventnodev1.Event) { e.Name = "" }, "1", "2", "3")...), "INVALID_EVENT", "event 2"},
		"no id":           {batch(with(func(e *eventnodev1.Event) { e.Id = nil }, "1")...), "INVALID_EVENT", "event 0"},
		"reserved meta":   {batch(meta("eventnode.reason")...), "INVALID_EVENT", "event 1 of the batch, from 0 on"},
		"empty meta":      {batch(meta("")...), "INVALID_EVENT", "event 1"},
		"many topics":     {batch(&eventnodev1.Envelope{Topics: topics, Event: events("1")[0].Event}), "LIMIT", "max_topics_per_event"},
		"large event":     {batch(events("1")[0], sized("2", 500)), "LIMIT", "event 1"},
		"large batch":     {batch(sized("1", 400), sized("2", 400), sized("3", 400), sized("4", 400), sized("5", 400)), "LIMIT", "max_batch_bytes"},
		"many events":     {batch(events(slices.Repeat([]string{"1"}, 21)...)...), "LIMIT", "max_batch_events"},
		"short producer":  {&eventnodev1.PublishBatch{Stream: a, Producer: []byte("short"), Number: 1, Envelopes: events("1")}, "INVALID_ARGUMENT", "producer"},
		"no number":       {&eventnodev1.PublishBatch{Stream: a, Producer: make([]byte, 16), Envelopes: events("1")}, "INVALID_ARGUMENT", "producer"},
		"no producer":     {&eventnodev1.PublishBatch{Stream: a, Number: 1, Envelopes: events("1")}, "INVALID_ARGUMENT", "producer"},
		"wrong last":      {&eventnodev1.PublishBatch{Stream: a, ExpectLast: &eventnodev1.Position{Ms: 1}, Envelopes: events("1")}, "WRONG_LAST", "last position"},
		"full":            {&eventnodev1.PublishBatch{Stream: streamName("full"), Envelopes: events("1")}, "STREAM_FULL", "max_bytes"},
		"other namespace": {&eventnodev1.PublishBatch{Stream: &eventnodev1.StreamName{Namespace: "n", Name: "a"}, Envelopes: events("1")}, "STREAM_NOT_FOUND", "n/a"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			r := n.one(t, c.batch)
			if r.GetErrorReason() != c.reason || !strings.Contains(r.GetErrorMessage(), c.words) || r.GetAppended() != 0 || r.GetFirst() != nil {
				t.Errorf("%v", r)
			}
			resp, err := n.api.Publish(t.Context(), &eventnodev1.PublishRequest{Batches: []*eventnodev1.PublishBatch{
				{Stream: a, Envelopes: events("before")}, c.batch, {Stream: a, Envelopes: events("behind")}}})
			if err != nil || resp.GetResults()[0].GetAppended() != 1 || resp.GetResults()[1].GetErrorReason() != c.reason || resp.GetResults()[2].GetAppended() != 1 {
				t.Errorf("%v, %v", resp, err)
			}
		})
	}
	limit := n.one(t, batch(sized("2", 500)))
	err := apierr.FromReason(limit.GetErrorReason(), limit.GetErrorMessage(), limit.GetErrorDetails())
	if l, ok := errors.AsType[*eventnode.LimitError](err); !ok || l.Limit != "max_event_bytes" || l.Max != 500 {
		t.Errorf("%v", err)
	}
}

// What a batch may ask for besides being appended.
func TestPublishOptions(t *testing.T) { synctest.Test(t, testPublishOptions) }

func testPublishOptions(t *testing.T) {
	n, m := alone(t, nil)
	n.declare(t, "a", nil)
	a := streamName("a")
	id := slices.Repeat([]byte{7}, 16)
	first := n.one(t, &eventnodev1.PublishBatch{Stream: a, Producer: id, Number: 1, ExpectLast: &eventnodev1.Position{}, Envelopes: events("1")})
	again := n.one(t, &eventnodev1.PublishBatch{Stream: a, Producer: id, Number: 1, ExpectLast: &eventnodev1.Position{}, Envelopes: events("1")})
	if first.GetAppended() != 1 || !proto.Equal(first, again) {
		t.Errorf("%v, then %v", first, again)
	}
	if r := n.one(t, &eventnodev1.PublishBatch{Stream: a, Producer: id, Number: 3, Envelopes: events("3")}); r.GetErrorReason() != "BAD_SEQUENCE" {
		t.Error(r)
	}
	twice := events("a", "b", "c")
	if r := n.one(t, &eventnodev1.PublishBatch{Stream: a, Dedupe: true, Envelopes: twice[:2]}); r.GetAppended() != 2 || len(r.GetKnown()) != 0 {
		t.Error(r)
	}
	if r := n.one(t, &eventnodev1.PublishBatch{Stream: a, Dedupe: true, Envelopes: twice}); r.GetAppended() != 1 || !slices.Equal(r.GetKnown(), []uint32{0, 1}) {
		t.Error(r)
	}
	if r := n.one(t, &eventnodev1.PublishBatch{Stream: a, Dedupe: true, Envelopes: twice}); r.GetAppended() != 0 || r.GetFirst() != nil || len(r.GetKnown()) != 3 {
		t.Error(r)
	}
	m.hold(true)
	keyed := with(func(e *eventnodev1.Event) { e.Key = "user-1" }, "1", "2")
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.one(t, &eventnodev1.PublishBatch{Stream: a, Envelopes: keyed})
	}()
	synctest.Wait()
	slots := m.queue[0].Publish.GetKeySlots()
	m.hold(false)
	<-done
	if len(slots) != 4 || slots[0] != 0 || slots[1] != 0 || int(slots[2])<<8+int(slots[3]) != int(slotOf([]byte("user-1"))) {
		t.Errorf("slots %v", slots)
	}
}

// producing is a producer's stream on which many requests are sent before any
// answer is there.
func producing(t *testing.T, n *testNode) eventnodev1.StreamService_PublishStreamClient {
	t.Helper()
	stream, err := n.api.PublishStream(aMinute(t))
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func request(stream string, names ...string) *eventnodev1.PublishStreamRequest {
	return &eventnodev1.PublishStreamRequest{Batches: []*eventnodev1.PublishBatch{{Stream: streamName(stream), Envelopes: events(names...)}}}
}

// What a producer sends to one stream stands there in that order, each request is
// answered once, in that order too, and what it takes of memory is not touched
// meanwhile.
func TestProducersPipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, m := alone(t, func(c *ServiceConfig) { c.MaxRequests = 40 })
		n.declare(t, "a", nil)
		n.declare(t, "b", nil)
		m.hold(true)
		stream := producing(t, n)
		const requests = 100
		go func() {
			for i := range requests {
				req := request("a", fmt.Sprint(i))
				req.Batches = append(req.Batches, request("b", fmt.Sprint(i)).Batches...)
				for range 50 {
					req.Batches[1].Envelopes = append(req.Batches[1].Envelopes, sized(fmt.Sprint(i), 200))
				}
				if err := stream.Send(req); err != nil {
					t.Error(err)
				}
			}
			if err := stream.CloseSend(); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		// 40 in the queue, one with the writer, one that does not fit in.
		if got := m.waiting(); got != 2*42 {
			t.Errorf("%d batches are under way", got)
		}
		m.hold(false)
		var last *eventnodev1.Position
		for i := range requests {
			resp, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			at := resp.GetResults()[0].GetFirst()
			if resp.GetResults()[1].GetAppended() != 51 || positionIn(last).Compare(positionIn(at)) >= 0 {
				t.Fatalf("request %d: %v", i, resp)
			}
			last = at
		}
		if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		for _, name := range []string{"a", "b"} {
			got := n.names(t, &eventnodev1.ReadRequest{Stream: streamName(name)})
			if got = slices.Compact(got); len(got) != requests || !slices.IsSortedFunc(got, numeric) {
				t.Errorf("%s has %v", name, got)
			}
		}
	})
}

func numeric(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// Bytes under way are bounded too, and a request that is larger than that is let
// in alone.
func TestProducersBytesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, m := alone(t, func(c *ServiceConfig) { c.MaxRequestBytes = 10_000 })
		n.declare(t, "a", nil)
		m.hold(true)
		stream := producing(t, n)
		for _, size := range []int{20_000, 4_000, 4_000, 4_000} {
			req := &eventnodev1.PublishStreamRequest{Batches: []*eventnodev1.PublishBatch{{Stream: streamName("a"), Envelopes: []*eventnodev1.Envelope{sized("e", size)}}}}
			if err := stream.Send(req); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if got := m.waiting(); got != 1 {
			t.Errorf("%d batches are under way", got)
		}
		m.hold(false)
		m.hold(true)
		synctest.Wait()
		if got := m.waiting(); got != 2 {
			t.Errorf("%d batches are under way", got)
		}
		m.hold(false)
		for range 4 {
			if _, err := stream.Recv(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A malformed request ends the stream, when what was sent before it is answered.
func TestMalformedRequestEndsTheStream(t *testing.T) {
	for name, c := range map[string]struct {
		msg  []byte
		code codes.Code
		want error
	}{
		"no message":   {[]byte{0xff}, codes.InvalidArgument, eventnode.ErrInvalidArgument},
		"cut short":    {[]byte{1<<3 | 2, 9, 1}, codes.InvalidArgument, eventnode.ErrInvalidArgument},
		"bad batch":    {[]byte{1<<3 | 2, 2, 15<<3 | 2, 9}, codes.InvalidArgument, eventnode.ErrInvalidArgument},
		"bad head":     {[]byte{1<<3 | 2, 3, 1<<3 | 2, 1, 0xff}, codes.InvalidArgument, eventnode.ErrInvalidArgument},
		"many batches": {slices.Repeat([]byte{1<<3 | 2, 0}, 5), codes.ResourceExhausted, eventnode.ErrLimit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, _ := alone(t, func(c *ServiceConfig) { c.MaxBatches = 4 })
				n.declare(t, "a", nil)
				stream := producing(t, n)
				if err := stream.Send(request("a", "1")); err != nil {
					t.Fatal(err)
				}
				raw := &eventnodev1.PublishStreamRequest{}
				raw.ProtoReflect().SetUnknown(c.msg)
				if err := stream.Send(raw); err != nil {
					t.Fatal(err)
				}
				if resp, err := stream.Recv(); err != nil || resp.GetResults()[0].GetAppended() != 1 {
					t.Fatal(resp, err)
				}
				_, err := stream.Recv()
				wantStatus(t, err, c.code, c.want)
				unary := &eventnodev1.PublishRequest{}
				unary.ProtoReflect().SetUnknown(c.msg)
				_, err = n.api.Publish(t.Context(), unary)
				wantStatus(t, err, c.code, c.want)
			})
		})
	}
}

// A leader that is lost answers what is under way, and ends the stream.
func TestProducersLoseTheirLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, leader, m, c := withFollower(t)
		leader.declare(t, "a", nil)
		m.hold(true)
		stream := producing(t, leader)
		for i := range 3 {
			if err := stream.Send(request("a", fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		c.lead(1)
		m.fail(fmt.Errorf("leadership lost: %w", eventnode.ErrOutcomeUnknown))
		for range 3 {
			resp, err := stream.Recv()
			if err != nil || resp.GetResults()[0].GetErrorReason() != "OUTCOME_UNKNOWN" || resp.GetLeaderAddress() != "addr-n2" {
				t.Fatal(resp, err)
			}
		}
		_, err := stream.Recv()
		wantStatus(t, err, codes.Unavailable, eventnode.ErrUnavailable)
	})
}

// The answers of a leader that is lost wait for the next one, so that they can say who
// it is; but only once, and not for good.
func TestProducersAreToldTheNextLeader(t *testing.T) {
	for name, test := range map[string]struct {
		after time.Duration
		want  string
	}{
		"soon":  {leaderWait / 2, "addr-n2"},
		"never": {time.Hour, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, leader, m, c := withFollower(t)
				leader.declare(t, "a", nil)
				m.hold(true)
				stream := producing(t, leader)
				for i := range 5 {
					if err := stream.Send(request("a", fmt.Sprint(i))); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait()
				c.lead(-1)
				lost := time.Now()
				m.fail(fmt.Errorf("leadership lost: %w", eventnode.ErrOutcomeUnknown))
				found := time.AfterFunc(test.after, func() { c.lead(1) })
				defer found.Stop()
				for range 5 {
					resp, err := stream.Recv()
					if err != nil || resp.GetResults()[0].GetErrorReason() != "OUTCOME_UNKNOWN" || resp.GetLeaderAddress() != test.want {
						t.Fatal(resp, err)
					}
				}
				if took := time.Since(lost); took > leaderWait {
					t.Errorf("the answers took %v", took)
				}
				_, err := stream.Recv()
				wantStatus(t, err, codes.Unavailable, eventnode.ErrUnavailable)
			})
		})
	}
}

// Who cancels leaves nothing behind.
func TestCancelledPublishers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, m := alone(t, nil)
		n.declare(t, "a", nil)
		m.hold(true)
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := n.api.PublishStream(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(request("a", "1")); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, cancel)
		_, err = n.api.Publish(ctx, &eventnodev1.PublishRequest{Batches: request("a", "2").Batches})
		wantStatus(t, err, codes.Canceled, context.Canceled)
		_, err = stream.Recv()
		wantStatus(t, err, codes.Canceled, context.Canceled)
		m.hold(false)
		synctest.Wait()
		if got := n.names(t, &eventnodev1.ReadRequest{Stream: streamName("a")}); len(got) != 2 { // they may be there
			t.Errorf("got %v", got)
		}
	})
}

// A stream that is deleted and made again under the feet of a batch is not there,
// by its name.
func TestStreamGoneMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, m := alone(t, nil)
		n.declare(t, "a", nil)
		m.hold(true)
		go n.api.DeleteStream(t.Context(), &eventnodev1.DeleteStreamRequest{Stream: streamName("a")})
		synctest.Wait()
		time.AfterFunc(time.Second, func() { m.hold(false) })
		if r := n.one(t, &eventnodev1.PublishBatch{Stream: streamName("a"), Envelopes: events("1")}); r.GetErrorReason() != "STREAM_NOT_FOUND" || !strings.Contains(r.GetErrorMessage(), `"a"`) {
			t.Error(r)
		}
	})
}

// In process, without gRPC, Publish is the same.
func TestPublishInProcess(t *testing.T) {
	n, _ := alone(t, nil)
	n.declare(t, "a", nil)
	resp, err := n.service.Publish(t.Context(), &eventnodev1.PublishRequest{Batches: request("a", "1", "2").Batches})
	if err != nil || resp.GetResults()[0].GetAppended() != 2 {
		t.Error(resp, err)
	}
}

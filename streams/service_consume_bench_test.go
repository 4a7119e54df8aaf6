package streams

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// BenchmarkConsume is events of 128 bytes that one consumer takes and acks, a response
// at a time, of three replicas on loopback and disk. What is published, in batches of
// 256, is not in it. On a busy machine the leader may change meanwhile: then it goes on
// with the next one.
func BenchmarkConsume(b *testing.B) {
	for name, cfg := range map[string]*eventnodev1.ConsumerGroupConfig{"plain": nil, "keyed": {Keyed: true}} {
		b.Run(name, func(b *testing.B) {
			r := newReplicas(b)
			leader, _ := r.roles(b)
			n := r.nodes[leader]
			n.declare(b, "a", nil)
			n.addGroup(b, "a", "g", cfg)
			req := benchRequest(256)
			for i, e := range req.GetBatches()[0].GetEnvelopes() {
				e.Event.Key = string(rune('a' + i%26))
			}
			published := 0
			for ; published < b.N; published += 256 {
				eventually(b, "a batch is published", func() bool { return publishedOne(b, n, req) })
			}
			b.ResetTimer()
			consumeRaw(b, n, published, b.N)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// publishedOne publishes a batch; false: it may be tried again.
func publishedOne(b *testing.B, n *testNode, req *eventnodev1.PublishStreamRequest) bool {
	b.Helper()
	resp, err := n.api.Publish(b.Context(), &eventnodev1.PublishRequest{Batches: req.GetBatches()})
	reason := ""
	if err == nil {
		reason = resp.GetResults()[0].GetErrorReason()
	} else {
		reason = reasonOf(err)
	}
	if reason != "" && !isRetry(reason) || err != nil && reason == "" {
		b.Fatal(resp, err)
	}
	return reason == ""
}

func reasonOf(err error) string {
	if told, ok := errors.AsType[*apierr.Error](apierr.FromStatus(err)); ok {
		return told.Reason
	}
	return ""
}

// consumeRaw takes and acks so many events of "a", of all that were published, without
// decoding them.
func consumeRaw(b *testing.B, n *testNode, published, count int) {
	b.Helper()
	holder := newHolder()
	for acked := 0; ; {
		more, err := consumeCall(b, n.conn, holder, count-acked)
		if acked += more; acked >= count {
			return
		}
		if !isRetry(reasonOf(err)) {
			b.Fatal(err)
		}
		// Of acks that were not answered it is not known whether they were done.
		eventually(b, "the group is heard of", func() bool {
			resp, err := n.consumers().ListConsumerGroups(b.Context(), &eventnodev1.ListConsumerGroupsRequest{Stream: streamName("a"), Group: "g"})
			if err == nil {
				acked = published - int(resp.GetGroups()[0].GetLag()+resp.GetGroups()[0].GetPending())
			}
			return err == nil
		})
		time.Sleep(10 * time.Millisecond)
	}
}

// consumeCall takes and acks up to so many events with one call, and says how many acks
// were answered, and why they are not all.
func consumeCall(b *testing.B, conn grpc.ClientConnInterface, holder []byte, count int) (acked int, err error) {
	b.Helper()
	stream, err := eventnodev1.NewConsumerServiceClient(conn).Consume(b.Context(), grpc.ForceCodecV2(wire.NewCodec()))
	if err != nil {
		return 0, err
	}
	open := opening1("g", 20_000, "a")
	open.Holder = holder
	if err := stream.Send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Open{Open: open}}); err != nil {
		return 0, err
	}
	for acked < count {
		f := &wire.Frame{Counted: true}
		if err := stream.RecvMsg(f); err != nil {
			return acked, err
		}
		head, _, err := wire.Split(f.Received.Data)
		m := &eventnodev1.ConsumeResponse{}
		if err == nil {
			err = proto.Unmarshal(head, m)
		}
		if err != nil {
			b.Fatal(err)
		}
		f.Received.Release()
		for _, res := range m.GetResults() {
			if reason := res.GetErrorReason(); reason != "" && !isRetry(reason) {
				b.Fatal(res)
			}
			acked += int(res.GetSettled())
		}
		for _, d := range m.GetDeliveries() {
			if err := ackRaw(stream, d); err != nil {
				break // the next RecvMsg says why
			}
		}
	}
	_ = stream.CloseSend()
	return acked, nil
}

// ackRaw acks a delivery, and asks for as many events again.
func ackRaw(stream eventnodev1.ConsumerService_ConsumeClient, d *eventnodev1.Delivery) error {
	var has []delivered
	for _, s := range d.GetSlices() {
		for i := range s.GetCount() {
			has = append(has, delivered{number: s.GetNumber() + uint64(i)})
		}
	}
	if err := stream.Send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Settle{Settle: &eventnodev1.SettleEvents{Verb: eventnodev1.Verb_VERB_ACK, Events: named(has)}}}); err != nil {
		return err
	}
	return stream.Send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Credit{Credit: &eventnodev1.ConsumerCredit{Events: uint64(len(has))}}})
}

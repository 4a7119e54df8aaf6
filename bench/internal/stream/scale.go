package stream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Many is many consumer groups of eventnode's, each with something pending. An event is
// fetched alone, so that each pending entry is one: neighbours that are handed out
// together would be one row.
type Many struct {
	Groups int
	// Pending is that of each group.
	Pending int
	// Progress is told how far it is. It is called now and then.
	Progress func(what string, done, all int)
}

const (
	// groupsPerStream is just below what a stream may have.
	groupsPerStream = 1000
	// manyCallers work at once, on so many connections.
	manyCallers, manyConns = 128, 4
	// manyAckWait is far longer than what is done with it.
	manyAckWait = 6 * time.Hour
	// manyTries is how often something is tried: leaders change on a busy machine.
	manyTries = 5
	// tellEvery is how often progress is told.
	tellEvery = 5 * time.Second
)

// manyStream is the name of the i-th stream, manyGroup that of the i-th group of all.
func manyStream(i int) string { return fmt.Sprintf("many-%d", i) }
func manyGroup(i int) string  { return fmt.Sprintf("group-%d", i) }

// streams is how many there are.
func (m Many) streams() int { return (m.Groups + groupsPerStream - 1) / groupsPerStream }

// Make makes streams, their events, groups, and what is pending.
func (m Many) Make(ctx context.Context, c Conn) error {
	cl, err := client.Dial(ctx, c.Addrs)
	if err != nil {
		return err
	}
	defer cl.Close()
	if err := m.publish(ctx, cl.Streams()); err != nil {
		return err
	}
	api, hangUp, err := dialMany(c)
	if err != nil {
		return err
	}
	defer hangUp()
	if err := m.each(ctx, "groups", func(ctx context.Context, i int) error {
		return again(ctx, func() error {
			_, err := api[i%len(api)].AddConsumerGroup(ctx, &eventnodev1.AddConsumerGroupRequest{
				Stream: &eventnodev1.StreamName{Name: manyStream(i / groupsPerStream)}, Group: manyGroup(i),
				Config: &eventnodev1.ConsumerGroupConfig{AckWait: durationpb.New(manyAckWait)},
			})
			return err
		})
	}); err != nil {
		return err
	}
	return m.each(ctx, "groups with pending entries", func(ctx context.Context, i int) error {
		t := newTaker(i, m.Pending)
		return again(ctx, func() error { return t.take(ctx, api[i%len(api)]) })
	})
}

// publish makes streams of some more events than will be pending.
func (m Many) publish(ctx context.Context, s eventnode.Streams) error {
	for i := range m.streams() {
		if _, err := s.Declare(ctx, manyStream(i), eventnode.StreamConfig{}); err != nil {
			return err
		}
		var events []event.Event
		for range m.Pending + 1 {
			events = append(events, event.New(Name, make([]byte, HeadBytes)))
		}
		if _, err := s.PublishMany(ctx, manyStream(i), events); err != nil {
			return err
		}
	}
	return nil
}

// each does something for each group, many at once.
func (m Many) each(ctx context.Context, what string, do func(ctx context.Context, i int) error) error {
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(manyCallers)
	var done atomic.Int64
	told := time.Now()
	for i := range m.Groups {
		if ctx.Err() != nil {
			break
		}
		work.Go(func() error {
			defer done.Add(1)
			return do(ctx, i)
		})
		if m.Progress != nil && time.Since(told) > tellEvery {
			told = time.Now()
			m.Progress(what, int(done.Load()), m.Groups)
		}
	}
	return work.Wait()
}

// again tries a few times, with all the time that each try takes.
func again(ctx context.Context, try func() error) (err error) {
	for range manyTries {
		if err = try(); err == nil || ctx.Err() != nil {
			return err
		}
		if err := pause(ctx, tryTime); err != nil {
			return err
		}
	}
	return err
}

// taker is a consumer of a group that has so many events handed to it, one at a time,
// and keeps them. It may be tried again.
type taker struct {
	group  int
	events int
	holder []byte
	taken  map[uint64]struct{} // numbers
}

func newTaker(group, events int) *taker {
	t := &taker{group: group, events: events, holder: make([]byte, 16), taken: make(map[uint64]struct{}, events)}
	_, _ = rand.Read(t.holder) // never fails
	return t
}

func (t *taker) take(ctx context.Context, api eventnodev1.ConsumerServiceClient) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	call, err := api.Consume(ctx)
	if err != nil {
		return err
	}
	one := &eventnodev1.ConsumerCredit{Events: 1}
	err = call.Send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Open{Open: &eventnodev1.OpenConsumer{
		Group: manyGroup(t.group), Consumer: 1, Streams: []string{manyStream(t.group / groupsPerStream)}, Holder: t.holder, Credit: one,
	}}})
	for len(t.taken) < t.events && err == nil {
		var m *eventnodev1.ConsumeResponse
		if m, err = call.Recv(); err != nil || len(m.GetEnvelopes()) == 0 {
			continue
		}
		t.taken[m.GetDeliveries()[0].GetSlices()[0].GetNumber()] = struct{}{}
		if len(t.taken) < t.events {
			err = call.Send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Credit{Credit: one}})
		}
	}
	if err != nil {
		return fmt.Errorf("consume as group %d: %w", t.group, err)
	}
	if err := call.CloseSend(); err != nil { // it keeps what it has in hand
		return err
	}
	for err == nil {
		_, err = call.Recv()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// Count counts groups and what is pending.
func (m Many) Count(ctx context.Context, c Conn) (groups, pending int, err error) {
	api, hangUp, err := dialMany(c)
	if err != nil {
		return 0, 0, err
	}
	defer hangUp()
	for i := range m.streams() {
		var resp *eventnodev1.ListConsumerGroupsResponse
		err := again(ctx, func() (err error) {
			resp, err = api[0].ListConsumerGroups(ctx, &eventnodev1.ListConsumerGroupsRequest{
				Stream: &eventnodev1.StreamName{Name: manyStream(i)}, Limit: groupsPerStream,
			})
			return err
		})
		if err != nil {
			return groups, pending, err
		}
		for _, g := range resp.GetGroups() {
			groups, pending = groups+1, pending+int(g.GetPending())
		}
	}
	return groups, pending, nil
}

// Serve has a consumer of some group handed an event, as soon as that works: one that it
// had before, which makes nothing more pending.
func (m Many) Serve(ctx context.Context, c Conn, group int) error {
	t := newTaker(group, 1)
	return until(ctx, func(ctx context.Context) error {
		api, hangUp, err := dialMany(c)
		if err != nil {
			return err
		}
		defer hangUp()
		return t.take(ctx, api[0])
	})
}

// dialMany connects to the nodes, which pass on what they do not lead.
func dialMany(c Conn) (api []eventnodev1.ConsumerServiceClient, hangUp func(), err error) {
	var conns []*grpc.ClientConn
	hangUp = func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}
	for i := range manyConns {
		conn, err := grpc.NewClient("passthrough:///"+c.Addrs[i%len(c.Addrs)], grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			hangUp()
			return nil, nil, err
		}
		conns = append(conns, conn)
		api = append(api, eventnodev1.NewConsumerServiceClient(conn))
	}
	return api, hangUp, nil
}

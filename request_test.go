package eventnode_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/test/cluster"
)

// repliers answers requests to a topic until the test ends, and returns when it is known
// everywhere.
func repliers(t *testing.T, live eventnode.Live, topic string, r eventnode.Replier, opts ...eventnode.ReplyOption) (stop func()) {
	t.Helper()
	return serving(t, func(ctx context.Context, ready eventnode.ReplyOption) error {
		return eventnode.Reply(ctx, live, []string{topic}, r, append(opts, ready)...)
	})
}

// serving runs a Reply or ReplyMany beside the test.
func serving(t *testing.T, reply func(ctx context.Context, ready eventnode.ReplyOption) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	stands, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- reply(ctx, eventnode.WithReady(func(eventnode.Subscription) { close(stands) }))
	}()
	select {
	case <-stands:
	case err := <-ended:
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Reply has ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// says replies with a text and what the request says.
func says(text string) eventnode.Replier {
	return func(_ context.Context, d eventnode.Delivery) (event.Event, error) {
		return event.New("said", []byte(text+" "+string(d.Event.Data))), nil
	}
}

func requester(t *testing.T, live eventnode.Live, cfg eventnode.RequesterConfig) *eventnode.Requester {
	t.Helper()
	r, err := eventnode.NewRequester(live, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func asked(data string) event.Event { return event.New("asked", []byte(data)) }

// bubble runs a test with three nodes in memory, in virtual time, which also sees that no
// goroutine is left.
func bubble(t *testing.T, test func(t *testing.T, c *cluster.Cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, cluster.Start(t, cluster.Config{})) })
}

// A request at one node is answered from another one, over nodes and clients alike; what the
// replier says no to, and its panic, come as errors of the replier, and it goes on; without
// anybody who subscribes it is ErrNoResponders before any time has passed.
func TestRequest(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster.Cluster) {
		for name, pair := range map[string][2]eventnode.Live{
			"nodes":   {c.Node("n1").Live(), c.Node("n3").Live()},
			"clients": {c.Node("n1").Client(), c.Node("n3").Client()},
		} {
			topic := "topic:prices." + name
			stop := repliers(t, pair[1], topic, func(ctx context.Context, d eventnode.Delivery) (event.Event, error) {
				switch string(d.Event.Data) {
				case "no":
					return event.Event{}, errors.New(strings.Repeat("x", 1020) + "äöü")
				case "panic":
					panic("a secret")
				}
				return says("yes")(ctx, d)
			})
			r := requester(t, pair[0], eventnode.RequesterConfig{})
			got, err := r.Request(t.Context(), topic, event.New("asked", []byte("1"), event.WithMeta(map[string]string{"a": "b"})))
			if err != nil || string(got.Data) != "yes 1" {
				t.Fatalf("%s: %+v, %v", name, got, err)
			}
			for data, want := range map[string]string{"no": "xxx…", "panic": "it panicked"} {
				_, err = r.Request(t.Context(), topic, asked(data))
				reply, ok := errors.AsType[*eventnode.ReplyError](err)
				if !ok || reply.Topic != topic || !strings.HasSuffix(reply.Text, want) || len(reply.Text) > 1024 {
					t.Errorf("%s: %s: %v", name, data, err)
				}
			}
			if got, err = r.Request(t.Context(), topic, asked("2")); err != nil || string(got.Data) != "yes 2" {
				t.Errorf("%s: after a panic: %+v, %v", name, got, err)
			}
			stop()
			began := time.Now()
			if _, err := r.Request(t.Context(), topic, asked("3")); !errors.Is(err, eventnode.ErrNoResponders) || !time.Now().Equal(began) {
				t.Errorf("%s: nobody is there: %v after %v", name, err, time.Since(began))
			}
			if _, err := eventnode.Request(t.Context(), pair[0], "prices", asked("")); !errors.Is(err, eventnode.ErrBadTopic) {
				t.Errorf("%s: a bad topic: %v", name, err)
			}
			if s := r.Stats(); s.Waiting != 0 || s.Replies != 4 || s.Unclaimed != 0 || s.Gaps != 0 {
				t.Errorf("%s: %+v", name, s)
			}
		}
	})
}

// A replier that has the request and does not reply is a request whose time is over, which
// says how many have it; a reply that comes later is counted and dropped.
func TestRequestIsLate(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster.Cluster) {
		repliers(t, c.Node("n2").Live(), "topic:t", func(ctx context.Context, d eventnode.Delivery) (event.Event, error) {
			time.Sleep(time.Minute)
			return says("late")(ctx, d)
		})
		r := requester(t, c.Node("n1").Live(), eventnode.RequesterConfig{Timeout: 3 * time.Second})
		began := time.Now()
		_, err := r.Request(t.Context(), "topic:t", asked(""))
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "0 of 1 replies came to the request to topic:t, which 1 subscriptions took") || time.Since(began) != 3*time.Second {
			t.Fatalf("%v after %v", err, time.Since(began))
		}
		why := errors.New("not interested any more")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		if _, err = r.Request(ctx, "topic:t", asked("")); !errors.Is(err, why) {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Minute)
		if s := r.Stats(); s.Waiting != 0 || s.Replies != 0 || s.Unclaimed != 2 {
			t.Errorf("%+v", s)
		}
	})
}

// collect reads a RequestMany.
func collect(replies iter.Seq2[event.Event, error]) (data []string, errs []error) {
	for ev, err := range replies {
		if err != nil {
			errs = append(errs, err)
		} else {
			data = append(data, string(ev.Data))
		}
	}
	return data, errs
}

// RequestMany has the replies of all, errors among them, until its time is over, or until as
// many came as were asked for; fewer than that, or none, is an error at the end.
func TestRequestMany(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster.Cluster) {
		for _, name := range []string{"n1", "n2", "n3"} {
			repliers(t, c.Node(name).Live(), "topic:t", func(ctx context.Context, d eventnode.Delivery) (event.Event, error) {
				if name == "n3" {
					return event.Event{}, errors.New("not me")
				}
				return says(name)(ctx, d)
			})
		}
		repliers(t, c.Node("n2").Live(), "topic:t", func(context.Context, eventnode.Delivery) (event.Event, error) { return event.Event{}, nil })
		r := requester(t, c.Node("n1").Client(), eventnode.RequesterConfig{})
		many := func(opts ...eventnode.RequestOption) ([]string, []error) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return collect(r.RequestMany(ctx, "topic:t", asked("1"), opts...))
		}
		data, errs := many()
		if len(data) != 2 || len(errs) != 1 || !strings.Contains(errs[0].Error(), "not me") {
			t.Errorf("until the deadline: %q, %v", data, errs)
		}
		began := time.Now()
		if data, errs = many(eventnode.WithReplies(3)); len(data) != 2 || len(errs) != 1 || !time.Now().Equal(began) {
			t.Errorf("three: %q, %v", data, errs)
		}
		if data, errs = many(eventnode.WithReplies(4)); len(data) != 2 || len(errs) != 2 || !errors.Is(errs[1], context.DeadlineExceeded) || !strings.Contains(errs[1].Error(), "3 of 4") {
			t.Errorf("four: %q, %v", data, errs)
		}
		if data, errs = collect(r.RequestMany(t.Context(), "topic:nobody", asked(""))); len(data) != 0 || len(errs) != 1 || !errors.Is(errs[0], eventnode.ErrNoResponders) {
			t.Errorf("nobody: %q, %v", data, errs)
		}
		if _, errs = many(eventnode.WithReplies(-1)); len(errs) != 1 || !errors.Is(errs[0], eventnode.ErrInvalidArgument) {
			t.Errorf("-1: %v", errs)
		}
		for range eventnode.RequestMany(t.Context(), c.Node("n2").Live(), "topic:t", asked("")) {
			break // the others are of no interest
		}
		if s := r.Stats(); s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// A replier with several replies says when there are no more, and that ends the request, also
// with none at all; its error, and its panic, are its last reply.
func TestReplyMany(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster.Cluster) {
		serving(t, func(ctx context.Context, ready eventnode.ReplyOption) error {
			return eventnode.ReplyMany(ctx, c.Node("n2").Client(), []string{"topic:rows"}, func(_ context.Context, d eventnode.Delivery) iter.Seq2[event.Event, error] {
				return func(yield func(event.Event, error) bool) {
					for i := range len(d.Event.Data) {
						switch row := d.Event.Data[i : i+1]; string(row) {
						case "!":
							yield(event.Event{}, errors.New("no more rows"))
							return
						case "?":
							panic("rows")
						default:
							if !yield(event.New("row", row), nil) {
								return
							}
						}
					}
				}
			}, ready)
		})
		r := requester(t, c.Node("n1").Live(), eventnode.RequesterConfig{})
		began := time.Now()
		for ask, want := range map[string]string{"abc": "a b c", "": "", "ab!": "a b the replier of topic:rows says: no more rows", "a?": "a the replier of topic:rows says: it panicked"} {
			data, errs := collect(r.RequestMany(t.Context(), "topic:rows", asked(ask)))
			for _, err := range errs {
				data = append(data, err.Error())
			}
			if got := strings.Join(data, " "); got != want {
				t.Errorf("%q: %q, want %q", ask, got, want)
			}
		}
		if got, err := r.Request(t.Context(), "topic:rows", asked("xyz")); err != nil || string(got.Data) != "x" {
			t.Errorf("the first: %+v, %v", got, err)
		}
		if _, err := r.Request(t.Context(), "topic:rows", asked("")); err == nil || !strings.Contains(err.Error(), "there is no reply") {
			t.Errorf("none: %v", err)
		}
		if !time.Now().Equal(began) {
			t.Errorf("it took %v", time.Since(began))
		}
	})
}

// What waits is bounded: a request too many names the limit and the others go on; replies
// that nobody takes end their own request, after those that were kept.
func TestRequestsAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster.Cluster) {
		hold := make(chan struct{})
		repliers(t, c.Node("n2").Live(), "topic:held", func(ctx context.Context, d eventnode.Delivery) (event.Event, error) {
			<-hold
			return says("yes")(ctx, d)
		}, eventnode.WithHandleOptions(eventnode.WithConcurrency(2)))
		r := requester(t, c.Node("n1").Live(), eventnode.RequesterConfig{MaxWaiting: 2})
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				if _, err := r.Request(t.Context(), "topic:held", asked("")); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		_, err := r.Request(t.Context(), "topic:held", asked(""))
		if limit, ok := errors.AsType[*eventnode.LimitError](err); !ok || limit.Limit != "max_waiting_requests" || limit.Max != 2 {
			t.Errorf("the third: %v", err)
		}
		close(hold)
		both.Wait()

		serving(t, func(ctx context.Context, ready eventnode.ReplyOption) error {
			return eventnode.ReplyMany(ctx, c.Node("n2").Live(), []string{"topic:flood"}, func(context.Context, eventnode.Delivery) iter.Seq2[event.Event, error] {
				return func(yield func(event.Event, error) bool) {
					for range 2000 {
						if !yield(event.New("drop", nil), nil) {
							return
						}
					}
				}
			}, ready)
		})
		taken, first := 0, true
		for _, err = range r.RequestMany(t.Context(), "topic:flood", asked("")) {
			if first {
				synctest.Wait()
				first = false
			}
			taken++
		}
		if limit, ok := errors.AsType[*eventnode.LimitError](err); !ok || limit.Limit != "max_queued_replies" || taken < 1025 || taken > 1026 {
			t.Errorf("a flood: %d taken, %v", taken, err)
		}
		if _, err := eventnode.NewRequester(c.Node("n1").Live(), eventnode.RequesterConfig{MaxWaiting: -1}); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Error(err)
		}
		if _, err := eventnode.NewRequester(nil, eventnode.RequesterConfig{}); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Error(err)
		}
	})
}

// What a hostile replier sends to an inbox, to IDs that it does not know, twice, without an
// ID, with marks that mean nothing, changes no other request and is counted.
func TestHostileReplies(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster.Cluster) {
		evil, big := c.Node("n3").Live(), make([]byte, 2<<20)
		var strange atomic.Int64
		repliers(t, evil, "topic:t", func(ctx context.Context, d eventnode.Delivery) (event.Event, error) {
			to, id := d.Event.Meta["eventnodereplyto"], d.Event.Meta["eventnoderequest"]
			for _, meta := range []map[string]string{nil, {"eventnoderequest": ""}, {"eventnoderequest": "1"}, {"eventnoderequest": strings.Repeat(id, 3)},
				{"eventnoderequest": id + " "}, {"eventnodeerror": "x"}, {"eventnodeend": "only"}, {"eventnoderequest": "no", "eventnodeerror": "x", "eventnodeend": "last"}} {
				if _, err := evil.Dispatch(ctx, to, event.New("strange", nil, event.WithMeta(meta))); err != nil {
					return event.Event{}, err
				}
				strange.Add(1)
			}
			reply := event.New("good", d.Event.Data, event.WithMeta(map[string]string{"eventnoderequest": id}))
			for range 2 { // the one is the reply, the other is twice
				if _, err := evil.Dispatch(ctx, to, reply); err != nil {
					return event.Event{}, err
				}
			}
			strange.Add(1)
			if _, err := evil.Dispatch(ctx, to, event.New("big", big, event.WithMeta(reply.Meta))); !errors.Is(err, eventnode.ErrLimit) {
				t.Errorf("oversized: %v", err)
			}
			if _, err := evil.Dispatch(ctx, "reply:guess", reply); !errors.Is(err, eventnode.ErrBadTopic) {
				t.Errorf("a guess: %v", err)
			}
			if _, err := evil.Dispatch(ctx, "reply:AAAAAAAAAAAAAAAAAAAAAA", reply); err != nil {
				t.Errorf("another one's: %v", err)
			}
			return event.Event{}, nil
		})
		if _, err := evil.Subscribe(t.Context(), []string{"reply:>"}); !errors.Is(err, eventnode.ErrBadTopic) {
			t.Errorf("all inboxes: %v", err)
		}
		r := requester(t, c.Node("n1").Live(), eventnode.RequesterConfig{})
		for i := range 20 {
			want := fmt.Sprint(i)
			if got, err := r.Request(t.Context(), "topic:t", asked(want)); err != nil || got.Name != "good" || string(got.Data) != want {
				t.Fatalf("%d: %+v, %v", i, got, err)
			}
		}
		synctest.Wait()
		if s := r.Stats(); s.Waiting != 0 || s.Replies != 20 || s.Unclaimed != uint64(strange.Load()) || s.Gaps != 0 {
			t.Errorf("%+v, %d were strange", s, strange.Load())
		}
	})
}

// A request cannot have a replier dispatch to anything but an inbox; what is no request does
// not reach it; what its reply cannot be is an error for the requester.
func TestHostileRequests(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster.Cluster) {
		live := c.Node("n1").Live()
		victim, err := live.Subscribe(t.Context(), []string{"topic:>"})
		if err != nil {
			t.Fatal(err)
		}
		var reached, failed atomic.Int64
		repliers(t, c.Node("n2").Live(), "topic:t", func(_ context.Context, d eventnode.Delivery) (event.Event, error) {
			reached.Add(1)
			switch string(d.Event.Data) {
			case "big":
				return event.New("big", make([]byte, 2<<20)), nil
			case "nameless":
				return event.Event{Data: []byte("x")}, nil
			}
			return d.Event, nil
		}, eventnode.WithHandleOptions(eventnode.WithOnError(func(eventnode.Delivery, error) { failed.Add(1) })))
		id := strings.Repeat("i", 26)
		bad := []map[string]string{nil, {"eventnoderequest": id}, {"eventnodereplyto": "topic:t", "eventnoderequest": id},
			{"eventnodereplyto": "reply:*", "eventnoderequest": id}, {"eventnodereplyto": "reply:short", "eventnoderequest": id},
			{"eventnodereplyto": "reply:" + id}, {"eventnodereplyto": "reply:" + id, "eventnoderequest": strings.Repeat(id, 3)}}
		for _, meta := range bad {
			if _, err := live.Dispatch(t.Context(), "topic:t", event.New("asked", nil, event.WithMeta(meta))); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if reached.Load() != 0 || failed.Load() != int64(len(bad)) {
			t.Errorf("%d reached the replier, %d failed", reached.Load(), failed.Load())
		}
		for range bad {
			if d, err := victim.Receive(t.Context()); err != nil || d.Event.Name != "asked" {
				t.Errorf("%+v, %v", d, err)
			}
		}
		r := requester(t, live, eventnode.RequesterConfig{})
		for data, want := range map[string]string{"big": "its reply cannot be sent: limit max_event_bytes", "nameless": "its reply cannot be sent: invalid event"} {
			if _, err := r.Request(t.Context(), "topic:t", asked(data)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", data, err)
			}
		}
		ev := event.New("asked", []byte("echo"), event.WithMeta(map[string]string{"a": "b", "eventnodeerror": "x", "eventnodeend": "only"}))
		got, err := r.Request(t.Context(), "topic:t", ev)
		if err != nil || string(got.Data) != "echo" || got.Meta["a"] != "b" || len(got.Meta) != 2 || got.ID == ev.ID {
			t.Errorf("an echo: %+v, %v", got, err)
		}
	})
}

// Many requests at once, to repliers that reply, say no, reply twice, late or never, at random:
// each request gets what it should, and all is counted.
func TestRequestsAtRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	bubble(t, func(t *testing.T, c *cluster.Cluster) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		for _, name := range []string{"n1", "n2", "n3"} {
			live := c.Node(name).Client()
			repliers(t, live, "topic:"+name, func(ctx context.Context, d eventnode.Delivery) (event.Event, error) {
				how, _, _ := strings.Cut(string(d.Event.Data), " ")
				switch how {
				case "no":
					return event.Event{}, errors.New("no to " + string(d.Event.Data))
				case "twice":
					reply := event.New("said", fmt.Append(nil, name, " ", string(d.Event.Data)), event.WithMeta(map[string]string{"eventnoderequest": d.Event.Meta["eventnoderequest"]}))
					if _, err := live.Dispatch(ctx, d.Event.Meta["eventnodereplyto"], reply); err != nil {
						return event.Event{}, err
					}
				case "late":
					time.Sleep(time.Minute)
				case "never":
					return event.Event{}, nil
				}
				return says(name)(ctx, d)
			}, eventnode.WithHandleOptions(eventnode.WithConcurrency(1000)))
		}
		r := requester(t, c.Node("n1").Client(), eventnode.RequesterConfig{Timeout: 30 * time.Second})
		var all sync.WaitGroup
		var replies, unclaimed uint64
		for i := range 600 {
			how := []string{"yes", "no", "twice", "late", "never"}[rnd.IntN(5)]
			name := []string{"n1", "n2", "n3"}[rnd.IntN(3)]
			switch how {
			case "yes", "no":
				replies++
			case "twice":
				replies, unclaimed = replies+1, unclaimed+1
			case "late":
				unclaimed++
			}
			all.Go(func() {
				data := fmt.Sprintf("%s %d", how, i)
				got, err := r.Request(t.Context(), "topic:"+name, asked(data))
				text := string(got.Data)
				if said, ok := errors.AsType[*eventnode.ReplyError](err); ok {
					text = said.Text
				}
				want := map[string]string{"yes": name + " " + data, "twice": name + " " + data, "no": "no to " + data}[how]
				if text != want || errors.Is(err, context.DeadlineExceeded) != (how == "late" || how == "never") {
					t.Errorf("%s: %q, %v", data, text, err)
				}
			})
		}
		all.Wait()
		time.Sleep(2 * time.Minute)
		if s := r.Stats(); s.Waiting != 0 || s.Replies != replies || s.Unclaimed != unclaimed {
			t.Errorf("%+v, want %d and %d", s, replies, unclaimed)
		}
	})
}

// Reply that is to end lets those finish that run, and their replies arrive; those that run
// for longer than its grace are told to end.
func TestReplyEndsInGoodOrder(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster.Cluster) {
		for _, takes := range []time.Duration{5 * time.Second, time.Hour} {
			stop := repliers(t, c.Node("n2").Client(), "topic:t", func(ctx context.Context, d eventnode.Delivery) (event.Event, error) {
				select {
				case <-time.After(takes):
					return says("done")(ctx, d)
				case <-ctx.Done():
					return event.Event{}, ctx.Err()
				}
			})
			r := requester(t, c.Node("n1").Live(), eventnode.RequesterConfig{Timeout: time.Minute})
			time.AfterFunc(time.Second, stop)
			got, err := r.Request(t.Context(), "topic:t", asked(""))
			if takes < eventnode.ReplyGrace && (err != nil || string(got.Data) != "done ") {
				t.Errorf("%+v, %v", got, err)
			}
			if takes > eventnode.ReplyGrace && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%+v, %v", got, err)
			}
			stop()
		}
		if err := eventnode.Reply(t.Context(), c.Node("n1").Live(), []string{"topic:t"}, nil); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Error(err)
		}
		if err := eventnode.Reply(t.Context(), c.Node("n1").Live(), []string{"t"}, says("")); !errors.Is(err, eventnode.ErrBadTopic) {
			t.Error(err)
		}
	})
}

// fragile is a node whose subscriptions can be refused, and ended for good, and whose dispatch
// can be another one.
type fragile struct {
	eventnode.Live
	refuse   error
	last     eventnode.Subscription
	dispatch func(ctx context.Context, topic string, ev event.Event) (eventnode.Receipt, error)
}

func (f *fragile) Dispatch(ctx context.Context, topic string, ev event.Event, opts ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	if f.dispatch != nil {
		return f.dispatch(ctx, topic, ev)
	}
	return f.Live.Dispatch(ctx, topic, ev, opts...)
}

func (f *fragile) Subscribe(ctx context.Context, topics []string, opts ...eventnode.SubscribeOption) (eventnode.Subscription, error) {
	if f.refuse != nil {
		return nil, f.refuse
	}
	sub, err := f.Live.Subscribe(ctx, topics, opts...)
	f.last = sub
	return sub, err
}

// An inbox that is refused, or ends for good, is the error of those who wait for it, at once;
// the next request has another one. After Close there is none.
func TestTheInboxComesBack(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster.Cluster) {
		repliers(t, c.Node("n2").Live(), "topic:t", func(ctx context.Context, d eventnode.Delivery) (event.Event, error) {
			time.Sleep(time.Second)
			return says("yes")(ctx, d)
		})
		f := &fragile{Live: c.Node("n1").Live(), refuse: eventnode.ErrPermissionDenied}
		r := requester(t, f, eventnode.RequesterConfig{})
		ask := func() error {
			_, err := r.Request(t.Context(), "topic:t", asked(""))
			return err
		}
		if err := ask(); !errors.Is(err, eventnode.ErrPermissionDenied) {
			t.Errorf("refused: %v", err)
		}
		f.refuse = nil
		if err := ask(); err != nil {
			t.Error(err)
		}
		time.AfterFunc(time.Second/2, func() { _ = f.last.Close() })
		if err := ask(); !errors.Is(err, eventnode.ErrClosed) || !strings.Contains(err.Error(), "perhaps with it a reply") {
			t.Errorf("ended: %v", err)
		}
		if err := ask(); err != nil {
			t.Error(err)
		}
		time.AfterFunc(time.Second/2, func() { _ = r.Close() })
		if err := ask(); !errors.Is(err, eventnode.ErrClosed) {
			t.Errorf("closed meanwhile: %v", err)
		}
		if err := ask(); !errors.Is(err, eventnode.ErrClosed) {
			t.Errorf("closed before: %v", err)
		}
	})
}

// With a stopped node that has interest, the reply of another one is there before the
// stopped one's receipt would be given up.
func TestReplyIsNotHeldUpByAnotherNode(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster.Cluster) {
		r := requester(t, c.Node("n1").Live(), eventnode.RequesterConfig{})
		for _, name := range []string{"n2", "n3"} {
			repliers(t, c.Node(name).Live(), "topic:t", says(name))
		}
		if _, err := r.Request(t.Context(), "topic:t", asked("")); err != nil {
			t.Fatal(err)
		}
		c.Pause("n3")
		began := time.Now()
		got, err := r.Request(t.Context(), "topic:t", asked(""))
		if err != nil || string(got.Data) != "n2 " || time.Since(began) >= time.Second {
			t.Errorf("%+v, %v after %v", got, err, time.Since(began))
		}
		c.Resume("n3")
	})
}

// What a receipt says of nobody: that nobody has the request, if each node answered or was
// surely not sent it; else somebody may, and is waited for.
func TestReceiptOfNobody(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster.Cluster) {
		f := &fragile{Live: c.Node("n1").Live()}
		r := requester(t, f, eventnode.RequesterConfig{})
		gone, unknown := fmt.Errorf("n2: %w", eventnode.ErrUnavailable), errors.New("no answer")
		for _, tt := range []struct {
			nodes []eventnode.NodeReceipt
			err   error
			want  error
			text  string
		}{
			{nil, nil, eventnode.ErrNoResponders, "topic topic:t: no responders"},
			{[]eventnode.NodeReceipt{{Node: "n3"}}, nil, eventnode.ErrNoResponders, "no responders"},
			{[]eventnode.NodeReceipt{{Node: "n3"}, {Node: "n2", Err: gone}}, nil, eventnode.ErrNoResponders, "and n2 cannot be reached"},
			{[]eventnode.NodeReceipt{{Node: "n2", Err: gone}, {Node: "n3", Err: unknown}}, nil, context.DeadlineExceeded, "0 subscriptions took"},
			{nil, eventnode.ErrOutcomeUnknown, eventnode.ErrOutcomeUnknown, "outcome unknown"},
		} {
			f.dispatch = func(context.Context, string, event.Event) (eventnode.Receipt, error) {
				return eventnode.Receipt{Nodes: tt.nodes}, tt.err
			}
			if _, err := r.Request(t.Context(), "topic:t", asked("")); !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%v: %v", tt.nodes, err)
			}
		}
	})
}

// A request that is answered goes on to the nodes that it has not reached yet, and holds its
// place until then; one that nobody waits for any more ends.
func TestAnsweredRequestGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster.Cluster) {
		repliers(t, c.Node("n2").Live(), "topic:t", says("yes"))
		f := &fragile{Live: c.Node("n1").Live()}
		r := requester(t, f, eventnode.RequesterConfig{})
		slow, ended := make(chan struct{}), make(chan error, 1)
		f.dispatch = func(ctx context.Context, topic string, ev event.Event) (eventnode.Receipt, error) {
			if _, err := f.Live.Dispatch(ctx, topic, ev); err != nil {
				return eventnode.Receipt{}, err
			}
			select {
			case <-slow:
			case <-ctx.Done():
			}
			ended <- ctx.Err()
			return eventnode.Receipt{Reached: 1}, nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if _, err := r.Request(ctx, "topic:t", asked("")); err != nil {
			t.Fatal(err)
		}
		cancel()
		synctest.Wait()
		if s := r.Stats(); s.Waiting != 1 {
			t.Errorf("the dispatch is not over: %+v", s)
		}
		close(slow)
		if err := <-ended; err != nil {
			t.Errorf("the dispatch of an answered request: %v", err)
		}
		slow = make(chan struct{})
		if _, err := r.Request(t.Context(), "topic:nobody", asked("")); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the dispatch of a request that is over: %v", err)
		}
		synctest.Wait()
		if s := r.Stats(); s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
	})
}

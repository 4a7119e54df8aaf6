package chat

import (
	"context"
	"errors"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// collector is the server's end of a stream.
type collector[T any] struct {
	grpc.ServerStream
	ctx context.Context
	got []*T
}

func (c *collector[T]) Context() context.Context { return c.ctx }

func (c *collector[T]) Send(m *T) error {
	c.got = append(c.got, m)
	return nil
}

// changer changes a world's directory, one change after the other.
type changer struct {
	w   *world
	err error
}

func (c changer) Submit(_ context.Context, changes ...*eventnodev1.DirectoryChange) ([]error, eventnode.Position, error) {
	var errs []error
	for _, change := range changes {
		probe, _ := directory.New(directory.Limits{})
		for old := range c.w.nodes[0].state.All() {
			_, _ = probe.Apply(old)
		}
		_, err := probe.Apply(change)
		if errs = append(errs, err); err == nil {
			c.w.change(change)
		}
	}
	return errs, eventnode.Position{MS: int64(len(c.w.all()))}, c.err
}

func (w *world) service(err error) *Service {
	return NewService(w.nodes[0].hub, changer{w, err}, w.nodes[0].state)
}

// Changes succeed or fail one by one; the answer says which failed and why, and comes when
// all nodes have them, or names those that do not. None, and too many, are refused.
func TestServiceChange(t *testing.T) {
	w := peopled(t)
	w.set(0, 2, cut)
	s := w.service(nil)
	resp, err := s.Change(t.Context(), &eventnodev1.ChatServiceChangeRequest{Changes: []*eventnodev1.DirectoryChange{
		user(50), directory.DeleteUser(77), member(one, 50),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if r := resp.GetRefused(); len(r) != 1 || r[0].GetIndex() != 1 || r[0].GetReason() == "" || r[0].GetMessage() == "" {
		t.Errorf("refused: %v", r)
	}
	if !slices.Contains(resp.GetMissing(), "n2") || resp.GetPosition() != w.nodes[0].Applied().String() {
		t.Errorf("missing %v, position %s", resp.GetMissing(), resp.GetPosition())
	}
	if w.nodes[1].state.Member(one, 50) == nil {
		t.Error("the third was not made")
	}
	for _, changes := range [][]*eventnodev1.DirectoryChange{nil, make([]*eventnodev1.DirectoryChange, maxChanges+1)} {
		if _, err := s.Change(t.Context(), &eventnodev1.ChatServiceChangeRequest{Changes: changes}); status.Code(err) != codes.InvalidArgument && status.Code(err) != codes.ResourceExhausted {
			t.Errorf("%d changes: %v", len(changes), err)
		}
	}
	if _, err := w.service(eventnode.ErrUnavailable).Change(t.Context(), &eventnodev1.ChatServiceChangeRequest{Changes: []*eventnodev1.DirectoryChange{user(51)}}); status.Code(err) != codes.Unavailable {
		t.Errorf("the log fails: %v", err)
	}
}

// What is exported makes the same directory.
func TestServiceExport(t *testing.T) {
	w := peopled(t)
	out := &collector[eventnodev1.ChatServiceExportResponse]{ctx: t.Context()}
	if err := w.service(nil).Export(nil, out); err != nil {
		t.Fatal(err)
	}
	again, _ := directory.New(directory.Limits{})
	for _, resp := range out.got {
		for _, c := range resp.GetChanges() {
			if _, err := again.Apply(c); err != nil {
				t.Error(err)
			}
		}
	}
	if again.Rows() != w.nodes[0].state.Rows() {
		t.Errorf("%+v, want %+v", again.Rows(), w.nodes[0].state.Rows())
	}
}

// Sessions of all nodes are listed, or those of a user or in a guild; one with what it
// subscribes to; nodes that do not answer are named. One can be closed, wherever it is.
func TestServiceSessions(t *testing.T) {
	w := peopled(t)
	a, b := w.open(0, whole(ann)), w.open(1, sharded(ann, 1, 2), sessions.Presence{Status: sessions.Idle})
	c, d := w.open(2, whole(ben)), w.open(2, whole(dan))
	s := w.service(nil)
	list := func(req *eventnodev1.ChatServiceListSessionsRequest) (all []*eventnodev1.ChatSession, missing []string) {
		out := &collector[eventnodev1.ChatServiceListSessionsResponse]{ctx: t.Context()}
		if err := s.ListSessions(req, out); err != nil {
			t.Fatal(err)
		}
		for _, resp := range out.got {
			all, missing = append(all, resp.GetSessions()...), append(missing, resp.GetMissing()...)
		}
		return all, missing
	}
	want := func(what string, req *eventnodev1.ChatServiceListSessionsRequest, clients ...*client) []*eventnodev1.ChatSession {
		t.Helper()
		got, missing := list(req)
		var names []string
		for _, o := range got {
			names = append(names, o.GetId())
		}
		slices.Sort(names)
		if !slices.Equal(names, ids(clients...)) || missing != nil {
			t.Errorf("%s: %v, missing %v", what, got, missing)
		}
		return got
	}
	want("all", nil, a, b, c, d)
	want("a guild's", &eventnodev1.ChatServiceListSessionsRequest{GuildId: uint64(one)}, a, c)
	of := want("a user's", &eventnodev1.ChatServiceListSessionsRequest{UserId: uint64(ann)}, a, b)
	if o := of[slices.IndexFunc(of, func(o *eventnodev1.ChatSession) bool { return o.GetId() == string(b.s.ID()) })]; o.GetNode() != "n1" || o.GetShard() != 1 || o.GetStatus() != "idle" || !o.GetAttached() || o.GetSequence() == 0 || o.GetTopics() == 0 || o.GetSubscriptions() != nil {
		t.Errorf("it is %v", o)
	}
	req := &eventnodev1.ChatServiceListSessionsRequest{SessionId: string(c.s.ID())}
	if o := want("one", req, c); len(o) == 1 && len(o[0].GetSubscriptions()) != int(o[0].GetTopics()) {
		t.Errorf("it is %v", o)
	}
	req.UserId = uint64(ann)
	want("one of somebody else", req)
	close := func(id string) error {
		_, err := s.CloseSession(t.Context(), &eventnodev1.ChatServiceCloseSessionRequest{SessionId: id})
		return err
	}
	if err := close(string(c.s.ID())); err != nil {
		t.Error(err)
	}
	want("all but one", nil, a, b, d)
	if err := close(""); status.Code(err) != codes.InvalidArgument {
		t.Errorf("no session: %v", err)
	}
	if err := close(string(c.s.ID())); status.Code(err) != codes.NotFound {
		t.Errorf("closed twice: %v", err)
	}
	w.set(0, 2, cut)
	if err := close(string(d.s.ID())); status.Code(err) != codes.Unavailable {
		t.Errorf("its node does not answer: %v", err)
	}
	if _, missing := list(nil); !slices.Equal(missing, []string{"n2"}) {
		t.Errorf("missing: %v", missing)
	}
}

// The other operations are those of the hub, with errors that a client tells apart.
func TestServiceErrors(t *testing.T) {
	w := peopled(t)
	s := w.service(nil)
	a := w.open(1, whole(ann))
	sub := &eventnodev1.ChatServiceSubscribeRequest{Subscribers: allOf(ann), Subscriptions: []*eventnodev1.ChatSubscription{{Topic: Channel(open1)}}}
	if resp, err := s.Subscribe(t.Context(), sub); err != nil || resp.GetSessions() != 1 {
		t.Error(resp, err)
	}
	sub.Subscriptions[0].Topic = Friend(dan)
	if _, err := s.Subscribe(t.Context(), sub); status.Code(err) != codes.PermissionDenied {
		t.Errorf("no friends: %v", err)
	}
	if _, err := s.Dispatch(t.Context(), &eventnodev1.ChatServiceDispatchRequest{Topics: []string{"x:1"}, Type: "X", Data: []byte(`1`)}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("no kind: %v", err)
	}
	if resp, err := s.Unsubscribe(t.Context(), &eventnodev1.ChatServiceUnsubscribeRequest{Subscribers: named(a), Topics: []string{Channel(open1)}}); err != nil || resp.GetSessions() != 1 {
		t.Error(resp, err)
	}
	if resp, err := s.Remove(t.Context(), &eventnodev1.ChatServiceRemoveRequest{Topics: []string{Guild(one)}}); err != nil || resp.GetEnded() != 1 {
		t.Error(resp, err)
	}
	if _, err := w.nodes[0].hub.Answer(t.Context(), "n1", nil); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Errorf("a request without a position: %v", err)
	}
}

// FuzzTopic: a topic is parsed, or refused with its name in the error; what was parsed is
// written as it was.
func FuzzTopic(f *testing.F) {
	for _, s := range []string{"guild:1", "member:1,2", "member:1,02", "x", ":", "user:18446744073709551615", "friend:00"} {
		f.Add(s)
	}
	w := newWorld(f, 1)
	f.Fuzz(func(t *testing.T, topic string) {
		b, key, err := w.nodes[0].hub.backend(topic)
		if err != nil {
			if bad, ok := errors.AsType[*eventnode.TopicError](err); !ok || bad.Topic != topic {
				t.Errorf("%q: %v", topic, err)
			}
			return
		}
		again := b.Kind() + ":" + key
		if m, ok := b.(memberKind); ok {
			k := m.Key(key)
			again = Member(k.Guild, k.User)
		}
		if again != topic {
			t.Errorf("%q became %q", topic, again)
		}
	})
}

package chatsdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// script is a chat service that remembers what it was asked, and answers as it is told.
type script struct {
	eventnodev1.UnimplementedChatServiceServer
	asked    proto.Message
	err      error
	reached  []string
	sessions []*eventnodev1.ChatServiceListSessionsResponse
	sent     int
	changed  *eventnodev1.ChatServiceChangeResponse
	parts    [][]*eventnodev1.DirectoryChange
}

func (s *script) Dispatch(_ context.Context, req *eventnodev1.ChatServiceDispatchRequest) (*eventnodev1.ChatServiceDispatchResponse, error) {
	s.asked = req
	if s.err != nil {
		return nil, s.err
	}
	return &eventnodev1.ChatServiceDispatchResponse{Reached: uint64(len(s.reached)), SessionIds: s.reached, Missing: []string{"n9"}}, nil
}

func (s *script) Subscribe(_ context.Context, req *eventnodev1.ChatServiceSubscribeRequest) (*eventnodev1.ChatServiceSubscribeResponse, error) {
	s.asked = req
	return &eventnodev1.ChatServiceSubscribeResponse{Sessions: 2, Missing: []string{"n9"}}, s.err
}

func (s *script) Unsubscribe(_ context.Context, req *eventnodev1.ChatServiceUnsubscribeRequest) (*eventnodev1.ChatServiceUnsubscribeResponse, error) {
	s.asked = req
	return &eventnodev1.ChatServiceUnsubscribeResponse{Sessions: 3, Missing: []string{"n9"}}, s.err
}

func (s *script) Remove(_ context.Context, req *eventnodev1.ChatServiceRemoveRequest) (*eventnodev1.ChatServiceRemoveResponse, error) {
	s.asked = req
	return &eventnodev1.ChatServiceRemoveResponse{Ended: 4, Missing: []string{"n9"}}, s.err
}

func (s *script) Change(_ context.Context, req *eventnodev1.ChatServiceChangeRequest) (*eventnodev1.ChatServiceChangeResponse, error) {
	s.asked = req
	return s.changed, s.err
}

func (s *script) CloseSession(_ context.Context, req *eventnodev1.ChatServiceCloseSessionRequest) (*eventnodev1.ChatServiceCloseSessionResponse, error) {
	s.asked = req
	return &eventnodev1.ChatServiceCloseSessionResponse{}, s.err
}

func (s *script) ListSessions(req *eventnodev1.ChatServiceListSessionsRequest, stream grpc.ServerStreamingServer[eventnodev1.ChatServiceListSessionsResponse]) error {
	s.asked = req
	for _, r := range s.sessions {
		if err := stream.Send(r); err != nil {
			return err
		}
		s.sent++
	}
	return s.err
}

func (s *script) Export(_ *eventnodev1.ChatServiceExportRequest, stream grpc.ServerStreamingServer[eventnodev1.ChatServiceExportResponse]) error {
	for _, p := range s.parts {
		if err := stream.Send(&eventnodev1.ChatServiceExportResponse{Changes: p}); err != nil {
			return err
		}
		s.sent++
	}
	return s.err
}

func (s *script) was(t *testing.T, want proto.Message) {
	t.Helper()
	if diff := cmp.Diff(want, s.asked, protocmp.Transform()); diff != "" {
		t.Errorf("the service was asked (-want +got)\n%s", diff)
	}
}

// Data goes as it is if it is JSON already, else it is made JSON; what is neither is
// refused, and nothing is sent.
func TestData(t *testing.T) {
	for name, tt := range map[string]struct {
		data any
		want string
	}{
		"raw":    {json.RawMessage(`{ "a":1}`), `{ "a":1}`},
		"bytes":  {[]byte(`[1]`), `[1]`},
		"struct": {struct{ ID string }{"7"}, `{"ID":"7"}`},
		"nil":    {nil, `null`},
		"string": {"x", `"x"`},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{}
			if _, err := New(Local(s)).Dispatch(t.Context(), "user:1", "T", tt.data); err != nil {
				t.Fatal(err)
			}
			if got := s.asked.(*eventnodev1.ChatServiceDispatchRequest).GetData(); string(got) != tt.want {
				t.Errorf("%s", got)
			}
		})
	}
	for name, data := range map[string]any{"raw": json.RawMessage(`{`), "bytes": []byte(nil), "func": func() {}} {
		t.Run("bad "+name, func(t *testing.T) {
			s := &script{}
			if _, err := New(Local(s)).Dispatch(t.Context(), "user:1", "T", data); !errors.Is(err, eventnode.ErrInvalidArgument) || s.asked != nil {
				t.Errorf("%v, asked %v", err, s.asked)
			}
		})
	}
}

// Bytes stay the caller's, who may change them after the dispatch.
func TestDataIsCopied(t *testing.T) {
	s := &script{}
	data := []byte(`{"a":1}`)
	if _, err := New(Local(s)).Dispatch(t.Context(), "user:1", "T", data); err != nil {
		t.Fatal(err)
	}
	copy(data, "xxxxxxx")
	if got := s.asked.(*eventnodev1.ChatServiceDispatchRequest).GetData(); string(got) != `{"a":1}` {
		t.Errorf("%s", got)
	}
}

// All that the options say goes out, and a filter that nobody passes is not one that
// everybody does.
func TestOptions(t *testing.T) {
	s := &script{reached: []string{"a", "b"}}
	c := New(Local(s))
	got, err := c.DispatchMany(t.Context(), []string{"guild:1", "friend:2"}, "USER_UPDATE", 1, eventnode.WithSessions(),
		eventnode.WithOnly("a"), eventnode.WithOnlyUsers(1, 2), eventnode.WithOnly("b"), eventnode.WithExcept("c"), eventnode.WithExceptUsers(3))
	if diff := cmp.Diff(eventnode.Reached{Count: 2, Sessions: []string{"a", "b"}, Missing: []eventnode.NodeID{"n9"}}, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	s.was(t, &eventnodev1.ChatServiceDispatchRequest{
		Topics: []string{"guild:1", "friend:2"}, Type: "USER_UPDATE", Data: []byte("1"), List: true,
		Only:   &eventnodev1.ChatFilter{SessionIds: []string{"a", "b"}, UserIds: []uint64{1, 2}},
		Except: &eventnodev1.ChatFilter{SessionIds: []string{"c"}, UserIds: []uint64{3}},
	})
	if _, err := c.Dispatch(t.Context(), "guild:1", "T", 1, eventnode.WithOnly()); err != nil {
		t.Fatal(err)
	}
	s.was(t, &eventnodev1.ChatServiceDispatchRequest{
		Topics: []string{"guild:1"}, Type: "T", Data: []byte("1"), Only: &eventnodev1.ChatFilter{}, Except: &eventnodev1.ChatFilter{},
	})
}

// Over several dispatches each session is left out once it was reached.
func TestOnce(t *testing.T) {
	s := &script{reached: []string{"a"}}
	once := eventnode.NewChatOnce(New(Local(s)), "z")
	for i, want := range [][]string{{"z"}, {"z", "a"}, {"z", "a", "b", "c"}} {
		if _, err := once.Dispatch(t.Context(), "user:1", "T", i, eventnode.WithExcept("own")); err != nil {
			t.Fatal(err)
		}
		got := s.asked.(*eventnodev1.ChatServiceDispatchRequest).GetExcept().GetSessionIds()
		if diff := cmp.Diff(append([]string{"own"}, want...), got); diff != "" {
			t.Errorf("dispatch %d leaves out\n%s", i, diff)
		}
		s.reached = []string{"b", "c"}
	}
	if got := once.Sessions(); !slices.Equal(got, []string{"z", "a", "b", "c", "b", "c"}) {
		t.Errorf("%q", got)
	}
}

// Subscriptions and their ends say what was asked, and what was done.
func TestSubscriptions(t *testing.T) {
	s := &script{}
	c := New(Local(s))
	who := []eventnode.ChatSubscriber{{User: 1}, {User: 2, Session: "s"}}
	protoWho := []*eventnodev1.ChatSubscriber{{UserId: 1}, {UserId: 2, SessionId: "s"}}
	n9 := []eventnode.NodeID{"n9"}
	done, err := c.Subscribe(t.Context(), who, eventnode.ChatSubscription{Topic: "guild:1", NoPresence: true}, eventnode.ChatSubscription{Topic: "channel:2", NoTyping: true})
	if diff := cmp.Diff(eventnode.ChatSubscribed{Sessions: 2, Missing: n9}, done); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	s.was(t, &eventnodev1.ChatServiceSubscribeRequest{Subscribers: protoWho, Subscriptions: []*eventnodev1.ChatSubscription{{Topic: "guild:1", NoPresence: true}, {Topic: "channel:2", NoTyping: true}}})
	done, err = c.Unsubscribe(t.Context(), who, "guild:1")
	if diff := cmp.Diff(eventnode.ChatSubscribed{Sessions: 3, Missing: n9}, done); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	s.was(t, &eventnodev1.ChatServiceUnsubscribeRequest{Subscribers: protoWho, Topics: []string{"guild:1"}})
	for keep, f := range map[bool]func(context.Context, ...string) (eventnode.ChatRemoved, error){true: c.Reset, false: c.Remove} {
		ended, err := f(t.Context(), "guild:1", "guild:2")
		if diff := cmp.Diff(eventnode.ChatRemoved{Ended: 4, Missing: n9}, ended); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
		s.was(t, &eventnodev1.ChatServiceRemoveRequest{Topics: []string{"guild:1", "guild:2"}, Keep: keep})
		s.asked = nil
		if _, err := f(t.Context()); !errors.Is(err, eventnode.ErrInvalidArgument) || s.asked != nil {
			t.Errorf("without topics: %v", err)
		}
	}
	if err := c.CloseSession(t.Context(), "s"); err != nil {
		t.Error(err)
	}
	s.was(t, &eventnodev1.ChatServiceCloseSessionRequest{SessionId: "s"})
}

// A session is told with all that its node says of it.
func TestSessions(t *testing.T) {
	since := time.UnixMilli(1_700_000_000_123).UTC()
	s := &script{sessions: []*eventnodev1.ChatServiceListSessionsResponse{{Sessions: []*eventnodev1.ChatSession{{
		Id: "s", Node: "n1", UserId: 1, Bot: true, Shard: 2, Shards: 3, Intents: 4, Since: timestamppb.New(since), Sequence: 5, Attached: true,
		KeptEvents: 6, KeptBytes: 7, Status: "idle", Topics: 1, Subscriptions: []*eventnodev1.ChatSubscription{{Topic: "guild:1", NoPresence: true, NoTyping: true}},
	}}}}}
	want := eventnode.ChatSession{
		ID: "s", Node: "n1", User: 1, Bot: true, Shard: 2, Shards: 3, Intents: 4, Since: since, Sequence: 5, Attached: true,
		KeptEvents: 6, KeptBytes: 7, Status: "idle", Topics: 1, Subscriptions: []eventnode.ChatSubscription{{Topic: "guild:1", NoPresence: true, NoTyping: true}},
	}
	n := 0
	for got, err := range New(Local(s)).Sessions(t.Context(), eventnode.ChatSessionFilter{User: 1, Guild: 2, Session: "s"}) {
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d sessions", n)
	}
	s.was(t, &eventnodev1.ChatServiceListSessionsRequest{UserId: 1, GuildId: 2, SessionId: "s"})
}

func sessionIDs(t *testing.T, c *Chat, most int) (ids []string, last error) {
	t.Helper()
	for s, err := range c.Sessions(t.Context(), eventnode.ChatSessionFilter{}) {
		if last != nil {
			t.Fatalf("something came behind the error %v", last)
		}
		if last = err; err == nil {
			ids = append(ids, s.ID)
		}
		if len(ids) == most {
			break
		}
	}
	return ids, last
}

// A list that is not whole ends with an error that says so; one that is not wanted any
// more ends at once.
func TestListsEnd(t *testing.T) {
	answers := []*eventnodev1.ChatServiceListSessionsResponse{
		{Sessions: []*eventnodev1.ChatSession{{Id: "a"}, {Id: "b"}}}, {Sessions: []*eventnodev1.ChatSession{{Id: "c"}}}, {Missing: []string{"n2", "n3"}},
	}
	s := &script{sessions: answers}
	ids, err := sessionIDs(t, New(Local(s)), 100)
	missing, ok := errors.AsType[*eventnode.MissingError](err)
	if len(ids) != 3 || !ok || !slices.Equal(missing.Nodes, []eventnode.NodeID{"n2", "n3"}) || !errors.Is(err, eventnode.ErrUnavailable) {
		t.Errorf("%q, %v", ids, err)
	}
	s = &script{sessions: answers[:2], err: apierr.ToStatus(eventnode.ErrClosed)}
	if ids, err = sessionIDs(t, New(Local(s)), 100); len(ids) != 3 || !errors.Is(err, eventnode.ErrUnavailable) {
		t.Errorf("%q, %v", ids, err)
	}
	s = &script{sessions: answers}
	if ids, err = sessionIDs(t, New(Local(s)), 1); len(ids) != 1 || err != nil || s.sent != 0 {
		t.Errorf("%q, %v, %d answers taken", ids, err, s.sent)
	}
	if ids, err = sessionIDs(t, New(Local(&script{})), 1); len(ids) != 0 || err != nil {
		t.Errorf("an empty list: %q, %v", ids, err)
	}
}

// Who stops may have ended his context before: nothing comes to him any more.
func TestListStopsWithItsContext(t *testing.T) {
	s := &script{sessions: []*eventnodev1.ChatServiceListSessionsResponse{{Sessions: []*eventnodev1.ChatSession{{Id: "a"}, {Id: "b"}}}}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range New(Local(s)).Sessions(ctx, eventnode.ChatSessionFilter{}) {
		cancel()
		break // the runtime panics if the list goes on
	}
}

// What is exported comes in its order, and ends as lists of sessions do.
func TestExport(t *testing.T) {
	var parts [][]*eventnodev1.DirectoryChange
	for i := range 3 {
		parts = append(parts, []*eventnodev1.DirectoryChange{
			{Change: &eventnodev1.DirectoryChange_DeleteUser{DeleteUser: uint64(2*i + 1)}}, {Change: &eventnodev1.DirectoryChange_DeleteUser{DeleteUser: uint64(2*i + 2)}},
		})
	}
	s := &script{parts: parts, err: apierr.ToStatus(eventnode.ErrUnavailable)}
	var got []uint64
	var last error
	for c, err := range New(Local(s)).Export(t.Context()) {
		if last = err; err == nil {
			got = append(got, c.GetDeleteUser())
		}
	}
	if !slices.Equal(got, []uint64{1, 2, 3, 4, 5, 6}) || !errors.Is(last, eventnode.ErrUnavailable) {
		t.Errorf("%v, %v", got, last)
	}
	s.sent = 0
	for range New(Local(s)).Export(t.Context()) {
		break
	}
	if s.sent != 0 {
		t.Errorf("%d answers were taken", s.sent)
	}
}

// A refused change says which, and why, in a way that programs tell apart.
func TestChange(t *testing.T) {
	s := &script{changed: &eventnodev1.ChatServiceChangeResponse{
		Position: "12-3", Missing: []string{"n2"}, Refused: []*eventnodev1.ChatRefusedChange{{Index: 1, Reason: "UNKNOWN_USER", Message: "user 7"}},
	}}
	change := &eventnodev1.DirectoryChange{Change: &eventnodev1.DirectoryChange_DeleteUser{DeleteUser: 7}}
	got, err := New(Local(s)).Change(t.Context(), change, change)
	if err != nil || got.Position != (eventnode.Position{MS: 12, Seq: 3}) || !slices.Equal(got.Missing, []eventnode.NodeID{"n2"}) || len(got.Refused) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if r := got.Refused[0]; r.Index != 1 || !errors.Is(r.Err, eventnode.ErrUnknownUser) || r.Err.Error() != "user 7" {
		t.Errorf("%+v", r)
	}
	s.was(t, &eventnodev1.ChatServiceChangeRequest{Changes: []*eventnodev1.DirectoryChange{change, change}})
	s.changed.Position = "nowhere"
	if _, err := New(Local(s)).Change(t.Context(), change); err == nil {
		t.Error("a position that is none was taken")
	}
	s.err = apierr.ToStatus(fmt.Errorf("of the stream: %w", eventnode.ErrOutcomeUnknown))
	if _, err := New(Local(s)).Change(t.Context(), change); !errors.Is(err, eventnode.ErrOutcomeUnknown) {
		t.Errorf("%v", err)
	}
}

// Errors are told apart as on any node; the end of the caller's context is his own cause;
// a node without a chat service says what to do.
func TestErrors(t *testing.T) {
	s := &script{err: apierr.ToStatus(&eventnode.LimitError{Limit: "max_topics", Max: 1, Got: 2})}
	c := New(Local(s))
	_, err := c.Dispatch(t.Context(), "user:1", "T", 1)
	if l, ok := errors.AsType[*eventnode.LimitError](err); !ok || l.Limit != "max_topics" {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	mine := errors.New("mine")
	cancel(mine)
	if _, err := c.Dispatch(ctx, "user:1", "T", 1); !errors.Is(err, mine) {
		t.Errorf("%v", err)
	}
	if err := s.none(ctx, c); !errors.Is(err, mine) {
		t.Errorf("%v", err)
	}
	s.err = status.Error(codes.Unimplemented, "unknown service eventnode.v1.ChatService")
	if _, err := c.Dispatch(t.Context(), "user:1", "T", 1); !errors.Is(err, ErrNone) || !errors.Is(err, eventnode.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

// none lists with a context that has ended.
func (s *script) none(ctx context.Context, c *Chat) (last error) {
	s.sessions = []*eventnodev1.ChatServiceListSessionsResponse{{Sessions: []*eventnodev1.ChatSession{{Id: "a"}}}}
	for _, err := range c.Sessions(ctx, eventnode.ChatSessionFilter{}) {
		last = err
	}
	return last
}

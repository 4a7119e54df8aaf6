package client_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// chatScript is a chat service whose first answers are lost: the call was done, and the
// connection broke.
type chatScript struct {
	eventnodev1.UnimplementedChatServiceServer
	mu    sync.Mutex
	lose  int            // answers
	after int            // parts of a list that come before the loss
	calls map[string]int // that were done
}

var errReset = status.Error(codes.Unavailable, "connection reset")

// done notes a call and says what its caller sees.
func (s *chatScript) done(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[name]++
	if s.lose == 0 {
		return nil
	}
	s.lose--
	return errReset
}

func (s *chatScript) Dispatch(context.Context, *eventnodev1.ChatServiceDispatchRequest) (*eventnodev1.ChatServiceDispatchResponse, error) {
	return &eventnodev1.ChatServiceDispatchResponse{Reached: 1}, s.done("dispatch")
}

func (s *chatScript) Subscribe(context.Context, *eventnodev1.ChatServiceSubscribeRequest) (*eventnodev1.ChatServiceSubscribeResponse, error) {
	return &eventnodev1.ChatServiceSubscribeResponse{Sessions: 2}, s.done("subscribe")
}

func (s *chatScript) Unsubscribe(context.Context, *eventnodev1.ChatServiceUnsubscribeRequest) (*eventnodev1.ChatServiceUnsubscribeResponse, error) {
	return &eventnodev1.ChatServiceUnsubscribeResponse{Sessions: 3}, s.done("unsubscribe")
}

func (s *chatScript) Remove(context.Context, *eventnodev1.ChatServiceRemoveRequest) (*eventnodev1.ChatServiceRemoveResponse, error) {
	return &eventnodev1.ChatServiceRemoveResponse{Ended: 4}, s.done("remove")
}

func (s *chatScript) CloseSession(context.Context, *eventnodev1.ChatServiceCloseSessionRequest) (*eventnodev1.ChatServiceCloseSessionResponse, error) {
	return &eventnodev1.ChatServiceCloseSessionResponse{}, s.done("close")
}

func (s *chatScript) Change(context.Context, *eventnodev1.ChatServiceChangeRequest) (*eventnodev1.ChatServiceChangeResponse, error) {
	return &eventnodev1.ChatServiceChangeResponse{Position: "1-1"}, s.done("change")
}

func (s *chatScript) ListSessions(_ *eventnodev1.ChatServiceListSessionsRequest, stream grpc.ServerStreamingServer[eventnodev1.ChatServiceListSessionsResponse]) error {
	for _, id := range []string{"a", "b"}[:s.after] {
		if err := stream.Send(&eventnodev1.ChatServiceListSessionsResponse{Sessions: []*eventnodev1.ChatSession{{Id: id}}}); err != nil {
			return err
		}
	}
	if err := s.done("list"); err != nil {
		return err
	}
	return stream.Send(&eventnodev1.ChatServiceListSessionsResponse{Sessions: []*eventnodev1.ChatSession{{Id: "z"}}})
}

func (s *chatScript) Export(_ *eventnodev1.ChatServiceExportRequest, stream grpc.ServerStreamingServer[eventnodev1.ChatServiceExportResponse]) error {
	if err := s.done("export"); err != nil {
		return err
	}
	return stream.Send(&eventnodev1.ChatServiceExportResponse{Changes: []*eventnodev1.DirectoryChange{{}}})
}

// chat is a client of a script, or of a node without a chat service.
func (s *chatScript) chat(t *testing.T) *client.Chat {
	t.Helper()
	listener, server := bufconn.Listen(1<<20), grpc.NewServer()
	if s != nil {
		s.calls = map[string]int{}
		eventnodev1.RegisterChatServiceServer(server, s)
	}
	go func() { _ = server.Serve(listener) }()
	c, err := client.Dial(t.Context(), []string{"n1"}, client.WithDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close()
		server.Stop()
	})
	return c.Chat()
}

// A dispatch and a change of the directory are made once: when the answer is lost the
// caller is told that nobody knows, and nothing is sent again.
func TestChatOnce(t *testing.T) {
	s := &chatScript{lose: 2}
	c := s.chat(t)
	if _, err := c.Dispatch(t.Context(), "guild:1", "GUILD_UPDATE", 1); !errors.Is(err, eventnode.ErrOutcomeUnknown) {
		t.Errorf("dispatch: %v", err)
	}
	if _, err := c.Change(t.Context(), &eventnodev1.DirectoryChange{}); !errors.Is(err, eventnode.ErrOutcomeUnknown) {
		t.Errorf("change: %v", err)
	}
	if s.calls["dispatch"] != 1 || s.calls["change"] != 1 {
		t.Errorf("%v", s.calls)
	}
}

// What does no harm when it is done twice is done again when its answer was lost, and its
// caller does not notice.
func TestChatAgain(t *testing.T) {
	s := &chatScript{}
	c := s.chat(t)
	who := []eventnode.ChatSubscriber{{User: 1}}
	for name, call := range map[string]func() error{
		"subscribe": func() error {
			_, err := c.Subscribe(t.Context(), who, eventnode.ChatSubscription{Topic: "guild:1"})
			return err
		},
		"unsubscribe": func() error { _, err := c.Unsubscribe(t.Context(), who, "guild:1"); return err },
		"remove":      func() error { _, err := c.Reset(t.Context(), "guild:1"); return err },
		"close":       func() error { return c.CloseSession(t.Context(), "s") },
		"list":        func() error { return last(c.Sessions(t.Context(), eventnode.ChatSessionFilter{})) },
		"export":      func() error { return last(c.Export(t.Context())) },
	} {
		t.Run(name, func(t *testing.T) {
			s.lose = 1
			if err := call(); err != nil || s.calls[name] != 2 {
				t.Errorf("%v after %d calls", err, s.calls[name])
			}
		})
	}
}

// last is the error that a list ends with.
func last[T any](list func(func(T, error) bool)) (last error) {
	for _, err := range list {
		last = err
	}
	return last
}

// A list of which a part was handed out is not begun again by itself: nothing comes twice.
func TestChatListBroken(t *testing.T) {
	s := &chatScript{lose: 1, after: 2}
	c := s.chat(t)
	var got []string
	var end error
	for session, err := range c.Sessions(t.Context(), eventnode.ChatSessionFilter{}) {
		if end = err; err == nil {
			got = append(got, session.ID)
		}
	}
	if !slices.Equal(got, []string{"a", "b"}) || !errors.Is(end, eventnode.ErrUnavailable) || s.calls["list"] != 1 {
		t.Errorf("%q, %v, %v", got, end, s.calls)
	}
}

// Who ranges over a list may stop, and the call ends with it.
func TestChatListStopped(t *testing.T) {
	c := (&chatScript{after: 2}).chat(t)
	for session, err := range c.Sessions(t.Context(), eventnode.ChatSessionFilter{}) {
		if err != nil || session.ID != "a" {
			t.Errorf("%v, %v", session, err)
		}
		break
	}
}

// A node without a chat service says what to do.
func TestChatNone(t *testing.T) {
	c := (*chatScript)(nil).chat(t)
	if _, err := c.Dispatch(t.Context(), "guild:1", "T", 1); !errors.Is(err, eventnode.ErrUnavailable) || errors.Is(err, eventnode.ErrOutcomeUnknown) {
		t.Errorf("%v", err)
	}
	if err := last(c.Sessions(t.Context(), eventnode.ChatSessionFilter{})); !errors.Is(err, eventnode.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

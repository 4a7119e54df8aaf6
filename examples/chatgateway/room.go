package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/gateway"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// service is a node's chat service or, alike, a client's.
type service interface {
	eventnode.Chat
	Change(ctx context.Context, changes ...*eventnodev1.DirectoryChange) (eventnode.ChatChanged, error)
}

// room is what the handlers need.
type room struct {
	chat     service
	auth     gateway.Authenticator
	gateway  string
	names    map[uint64]string // of users
	channels map[uint64]uint64 // their guilds
	last     atomic.Uint64     // message
}

// serve serves until ctx ends.
func (r *room) serve(ctx context.Context, out io.Writer, listen string) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page) })
	mux.HandleFunc("GET /gateway", func(w http.ResponseWriter, _ *http.Request) { answer(w, map[string]string{"url": r.gateway}) })
	mux.HandleFunc("POST /channels/{channel}/messages", r.post)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Fprintf(out, "open: http://%s/ in two windows\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // who does not read it has gone
}

// post checks who says something, and dispatches it to the channel. Here all may write in
// all channels; a real one looks at the directory, and keeps what was said.
func (r *room) post(w http.ResponseWriter, req *http.Request) {
	who, err := r.auth.Authenticate(req.Context(), req.Header.Get("Authorization"))
	if err != nil {
		http.Error(w, "nobody has this token", http.StatusUnauthorized)
		return
	}
	channel, _ := strconv.ParseUint(req.PathValue("channel"), 10, 64)
	guild := r.channels[channel]
	if guild == 0 {
		http.Error(w, "there is no such channel", http.StatusNotFound)
		return
	}
	var said struct{ Content string }
	err = json.NewDecoder(http.MaxBytesReader(w, req.Body, 16<<10)).Decode(&said)
	if n := utf8.RuneCountInString(said.Content); err != nil || n < 1 || n > 2000 {
		http.Error(w, "content has 1 to 2000 characters", http.StatusBadRequest)
		return
	}
	message := map[string]any{
		"id": strconv.FormatUint(r.next(), 10), "channel_id": strconv.FormatUint(channel, 10), "guild_id": strconv.FormatUint(guild, 10),
		"author":  map[string]any{"id": who.User, "username": r.names[uint64(who.User)], "discriminator": "0", "avatar": nil},
		"content": said.Content, "timestamp": time.Now().UTC().Format(time.RFC3339Nano), "edited_timestamp": nil, "type": 0,
		"tts": false, "pinned": false, "mention_everyone": false, "mentions": []any{}, "mention_roles": []any{}, "attachments": []any{}, "embeds": []any{},
	}
	if _, err := r.chat.Dispatch(req.Context(), fmt.Sprint("channel:", channel), "MESSAGE_CREATE", message); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	answer(w, message)
}

// next is an id for a message: milliseconds since 2015, and 22 bits that make it the only
// one of this process.
func (r *room) next() uint64 {
	return uint64(time.Now().UnixMilli()-1_420_070_400_000)<<22 | r.last.Add(1)%(1<<22)
}

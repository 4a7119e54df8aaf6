package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/bwmarrin/discordgo"
	"github.com/gorilla/websocket"
)

// messagesKept is how many messages of a channel discordgo keeps here. By itself it keeps
// none, and knows nothing of a message that is changed or deleted.
const messagesKept = 100

// discordgoKeeping takes in with discordgo as eventnode does: with all that its state tracks,
// and messages.
func discordgoKeeping(ctx context.Context, m *meter, url string, dial dial) error {
	return withDiscordgo(ctx, m, url, dial, messagesKept)
}

// discordgoPlain takes in with discordgo's state as it comes, which keeps no messages.
func discordgoPlain(ctx context.Context, m *meter, url string, dial dial) error {
	return withDiscordgo(ctx, m, url, dial, 0)
}

// withDiscordgo takes in with a session as the library makes it. Its handler is called in
// order (SyncEvents), which costs less than a goroutine for each event.
func withDiscordgo(ctx context.Context, m *meter, url string, dial dial, messages int) error {
	s, err := discordgo.New("Bot secret")
	if err != nil {
		return err
	}
	s.SyncEvents, s.ShouldReconnectOnError = true, false
	s.Identify.Compress, s.Identify.Intents = m.rec.Zlib, discordgo.IntentsAll
	s.State.MaxMessageCount = messages
	s.Client = &http.Client{Transport: gatewayAt(url)}
	s.Dialer = &websocket.Dialer{NetDialContext: dial}
	s.AddHandler(func(_ *discordgo.Session, e *discordgo.Event) {
		if e.Struct != nil {
			m.see(uint64(e.Sequence))
		}
	})
	if err := s.Open(); err != nil {
		return fmt.Errorf("open: %w", err)
	}
	select {
	case <-m.completed:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if m.failure != nil {
		return m.failure
	}
	return errors.Join(checkState(m.rec.Known, s.State), s.Close())
}

// gatewayAt answers the one request that discordgo has before it connects: where to.
type gatewayAt string

// RoundTrip implements http.RoundTripper.
func (g gatewayAt) RoundTrip(r *http.Request) (*http.Response, error) {
	body := fmt.Sprintf(`{"url":%q}`, string(g))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// checkState says whether the state knows what was said last.
func checkState(want expected, state *discordgo.State) error {
	member, err := state.Member(fmt.Sprint(want.Guild), fmt.Sprint(want.User))
	if err != nil {
		return err
	}
	channel, err := state.Channel(fmt.Sprint(want.Channel))
	if err != nil {
		return err
	}
	return want.compare(member.Nick, channel.Topic)
}

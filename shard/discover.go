package shard

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Gateway is what an API says of its gateway.
type Gateway struct {
	// URL is where to connect.
	URL string
	// Shards is how many the bot should use.
	Shards int
	// Starts is how many sessions it may open.
	Starts StartLimit
}

// maxAnswer bounds the answer of an API, in bytes.
const maxAnswer = 64 << 10

// Discover asks an API where its gateway is, by GET /gateway/bot. It fails with ErrRefused
// if the token is not good.
func Discover(ctx context.Context, client *http.Client, api, token string) (Gateway, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(api, "/")+"/gateway/bot", nil)
	if err != nil {
		return Gateway{}, invalid("API: %w", err)
	}
	req.Header.Set("Authorization", "Bot "+strings.TrimPrefix(token, "Bot "))
	answer, err := client.Do(req)
	if err != nil {
		return Gateway{}, fmt.Errorf("ask for the gateway: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	switch {
	case err != nil:
		return Gateway{}, fmt.Errorf("ask for the gateway: %w", err)
	case answer.StatusCode == http.StatusUnauthorized:
		return Gateway{}, fmt.Errorf("%s does not take the token: give it another one: %w", api, ErrRefused)
	case answer.StatusCode != http.StatusOK:
		return Gateway{}, fmt.Errorf("ask for the gateway: %s answers %s", api, answer.Status)
	}
	return parseGateway(body)
}

func parseGateway(body []byte) (Gateway, error) {
	var raw struct {
		URL    string `json:"url"`
		Shards int    `json:"shards"`
		Limit  struct {
			Total       int   `json:"total"`
			Remaining   int   `json:"remaining"`
			ResetAfter  int64 `json:"reset_after"`
			Concurrency int   `json:"max_concurrency"`
		} `json:"session_start_limit"`
	}
	if err := json.Unmarshal(body, &raw); err != nil {
		return Gateway{}, fmt.Errorf("the answer about the gateway does not decode: %w", err)
	}
	if err := checkURL(raw.URL, "ws"); err != nil || len(raw.URL) > maxURL {
		return Gateway{}, fmt.Errorf("the answer about the gateway has no url of it: %.200q", raw.URL)
	}
	const day = 24 * time.Hour
	reset := min(max(raw.Limit.ResetAfter, 0), day.Milliseconds())
	return Gateway{
		URL: raw.URL, Shards: min(max(raw.Shards, 1), MaxShards),
		Starts: StartLimit{
			Total: max(raw.Limit.Total, 0), Remaining: max(raw.Limit.Remaining, 0),
			ResetAfter: time.Duration(reset) * time.Millisecond, MaxConcurrency: raw.Limit.Concurrency,
		},
	}, nil
}

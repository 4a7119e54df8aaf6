package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/encoding"
)

// Handler serves the WebSocket at / and /ws, and what client libraries ask before: GET
// /gateway and /gateway/bot, also below /api and /api/v10.
func (g *Gateway) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", g.upgrade)
	mux.HandleFunc("GET /ws", g.upgrade)
	for _, prefix := range []string{"", "/api", "/api/{version}"} {
		mux.HandleFunc("GET "+prefix+"/gateway", g.where)
		mux.HandleFunc("GET "+prefix+"/gateway/bot", g.whereBot)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refused(w, http.StatusNotFound, "") })
	return mux
}

// refused answers with an error as the protocol has it.
func refused(w http.ResponseWriter, status int, message string) {
	if message == "" {
		message = strconv.Itoa(status) + ": " + http.StatusText(status)
	}
	answerJSON(w, status, map[string]any{"message": message, "code": 0})
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Access-Control-Allow-Origin", "*") // tokens are no cookies: any page may ask
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // who does not read it has gone
}

// url is where a client finds the gateway: what the operator says, or where it is already.
func (g *Gateway) url(r *http.Request) string {
	switch {
	case g.cfg.PublicURL != "":
		return g.cfg.PublicURL
	case r.TLS != nil:
		return "wss://" + r.Host
	default:
		return "ws://" + r.Host
	}
}

func (g *Gateway) where(w http.ResponseWriter, r *http.Request) {
	answerJSON(w, http.StatusOK, map[string]string{"url": g.url(r)})
}

// startLimit is how many sessions may be opened.
type startLimit struct {
	Total          int   `json:"total"`
	Remaining      int   `json:"remaining"`
	ResetAfter     int64 `json:"reset_after"` // ms
	MaxConcurrency int   `json:"max_concurrency"`
}

func (g *Gateway) whereBot(w http.ResponseWriter, r *http.Request) {
	p, err := g.cfg.Authenticator.Authenticate(r.Context(), bare(r.Header.Get("Authorization")))
	switch {
	case errors.Is(err, eventnode.ErrUnauthenticated):
		refused(w, http.StatusUnauthorized, "")
		return
	case err != nil:
		refused(w, http.StatusServiceUnavailable, "it cannot be told whose token it is: come again")
		return
	}
	total, remaining, reset := g.starts.left(time.Now(), p.User)
	answerJSON(w, http.StatusOK, struct {
		URL    string     `json:"url"`
		Shards int        `json:"shards"`
		Limit  startLimit `json:"session_start_limit"`
	}{g.url(r), max(g.cfg.Shards(r.Context(), p.User), 1), startLimit{total, remaining, reset.Milliseconds(), g.cfg.Limits.IdentifyConcurrency}})
}

// upgrade takes a WebSocket connection, and hands it to Run: its goroutine begins there with
// a small stack, and what the HTTP server kept for it is free.
func (g *Gateway) upgrade(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		g.metrics.refused.WithLabelValues("no_websocket").Inc()
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		refused(w, http.StatusUpgradeRequired, "this is a WebSocket: see GET /gateway")
		return
	}
	if why := g.reserve(); why != "" {
		g.metrics.refused.WithLabelValues(why).Inc()
		w.Header().Set("Retry-After", "1")
		refused(w, http.StatusServiceUnavailable, "no connections are taken here now: "+why)
		return
	}
	conn, buffered, _, err := ws.HTTPUpgrader{Timeout: g.cfg.WriteTimeout}.Upgrade(r, w)
	if err != nil {
		g.metrics.refused.WithLabelValues("no_websocket").Inc()
		if conn != nil {
			_ = conn.Close()
		}
		g.release()
		return
	}
	var from io.Reader = conn
	if n := buffered.Reader.Buffered(); n > 0 {
		early, _ := buffered.Peek(n) // they are there
		from = io.MultiReader(bytes.NewReader(bytes.Clone(early)), conn)
	}
	select {
	case g.accepted <- newConnection(g, conn, from, g.want(r)):
	case <-g.over:
		_ = conn.Close()
		g.release()
	}
}

// The versions of the protocol.
const (
	minVersion = 9
	maxVersion = 10
)

// want is what a client asks for in its address.
func (g *Gateway) want(r *http.Request) asked {
	q := r.URL.Query()
	a := asked{version: maxVersion, url: g.url(r)}
	if v := q.Get("v"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < minVersion || n > maxVersion {
			a.refusal = refusal(CloseBadVersion, "version 9 or 10")
		}
		a.version = n
	}
	var err error
	if f := q.Get("encoding"); f != "" {
		if a.format, err = encoding.ParseFormat(f); err != nil {
			a.refusal = refusal(CloseDecode, err.Error())
		}
	}
	if a.compression, err = encoding.ParseCompression(q.Get("compress")); err != nil {
		a.refusal = refusal(CloseDecode, err.Error())
	}
	return a
}

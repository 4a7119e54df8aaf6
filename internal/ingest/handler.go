package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"golang.org/x/sync/semaphore"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/cloudhttp"
	"github.com/eventnode/eventnode/internal/wire"
)

// The calls of gRPC that do what a request does.
const (
	methodDispatch = "/eventnode.v1.DispatchService/Dispatch"
	methodPublish  = "/eventnode.v1.StreamService/Publish"
)

// Handler serves all paths below /v1/.
type Handler struct {
	cfg   Config
	mux   *http.ServeMux
	held  *semaphore.Weighted // of MaxHeldBytes
	count *counters
}

var _ http.Handler = (*Handler)(nil)

// New makes a Handler.
func New(cfg Config) (*Handler, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	count, err := newCounters(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	h := &Handler{cfg: cfg, mux: http.NewServeMux(), held: semaphore.NewWeighted(int64(cfg.MaxHeldBytes)), count: count}
	h.mux.HandleFunc("/v1/topics/{topic}/events", h.serve(methodDispatch, h.dispatch))
	h.mux.HandleFunc("/v1/streams/{stream}/events", h.serve(methodPublish, h.publish))
	h.mux.HandleFunc("/v1/namespaces/{namespace}/streams/{stream}/events", h.serve(methodPublish, h.publish))
	h.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { h.refuse(w, errNotFound) })
	return h, nil
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// Wait waits for what is under way, and refuses what comes later. It is called once,
// when the contexts of requests have ended.
func (h *Handler) Wait() { _ = h.held.Acquire(context.Background(), int64(h.cfg.MaxHeldBytes)) }

// answer is what became of the events of a request.
type answer struct {
	status int
	body   any
}

// serve is what all requests have in common; send does with their events what the path
// says.
func (h *Handler) serve(method string, send func(r *http.Request, events []event.Event) (answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a, err := h.take(w, r, method, send)
		if err != nil {
			h.refuse(w, err)
			return
		}
		respond(w, a.status, a.body)
	}
}

// take reads a request and sends its events.
func (h *Handler) take(w http.ResponseWriter, r *http.Request, method string, send func(r *http.Request, events []event.Event) (answer, error)) (answer, error) {
	control := h.hurry(w)
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return answer{}, errMethod
	}
	if err := h.cfg.Admit(r, method); err != nil {
		return answer{}, err
	}
	mode, err := cloudhttp.ModeOf(r.Header)
	if err != nil {
		return answer{}, &statusError{http.StatusUnsupportedMediaType, err.Error(), eventnode.ErrInvalidArgument}
	}
	bound, err := h.bound(r, mode)
	if err != nil {
		return answer{}, err
	}
	hold := int64(min(max(bound.expect, leastHeld), h.cfg.MaxHeldBytes))
	if !h.held.TryAcquire(hold) {
		return answer{}, errBusy
	}
	defer h.held.Release(hold)
	body, err := h.read(w, r, bound, control)
	if err != nil {
		return answer{}, err
	}
	events, err := cloudhttp.Read(mode, r.Header, body, h.cfg.MaxBatchEvents)
	if err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.cfg.AnswerTimeout)
	defer cancel()
	return send(r.WithContext(ctx), events)
}

// dispatched is the body of a 202.
type dispatched struct {
	Accepted int `json:"accepted"`
}

// dispatch sends events to a topic.
func (h *Handler) dispatch(r *http.Request, events []event.Event) (answer, error) {
	for i := range events { // before any of them is dispatched
		if n := wire.EventSize(&events[i]); n > h.cfg.MaxEventBytes {
			return answer{}, place(i, len(events), &eventnode.LimitError{Limit: "max_event_bytes", Max: h.cfg.MaxEventBytes, Got: n})
		}
	}
	if len(events) > 0 {
		if err := h.cfg.Dispatch(r.Context(), r.PathValue("topic"), events); err != nil {
			return answer{}, err
		}
	}
	h.count.dispatched.Add(float64(len(events)))
	return answer{http.StatusAccepted, dispatched{len(events)}}, nil
}

// place says of which event of a batch an error is.
func place(i, of int, err error) error {
	if of == 1 {
		return err
	}
	return fmt.Errorf("event %d of %d, from 0 on: %w", i, of, err)
}

// published is the body of a 201, or of a 200 if nothing was appended.
type published struct {
	// Position is that of the first event that was appended. Others follow it: the same
	// milliseconds, the next numbers.
	Position string `json:"position,omitempty"`
	Appended int    `json:"appended"`
	// Known has the places in the batch, from 0 on, of those that were there already.
	Known []int `json:"known,omitempty"`
}

// publish appends events to a stream.
func (h *Handler) publish(r *http.Request, events []event.Event) (answer, error) {
	opts, err := publishOptions(r)
	if err != nil {
		return answer{}, err
	}
	if len(events) == 0 {
		return answer{http.StatusOK, published{}}, nil
	}
	p, err := h.cfg.Publish(r.Context(), r.PathValue("namespace"), r.PathValue("stream"), events, opts...)
	if err != nil {
		return answer{}, err
	}
	h.count.published.Add(float64(p.Appended))
	h.count.known.Add(float64(len(p.Known)))
	if p.Appended == 0 {
		return answer{http.StatusOK, published{Known: p.Known}}, nil
	}
	return answer{http.StatusCreated, published{p.First.String(), p.Appended, p.Known}}, nil
}

// publishOptions are those of the query: dedupe, which is on unless it says otherwise,
// because senders try again.
func publishOptions(r *http.Request) ([]eventnode.PublishOption, error) {
	values := r.URL.Query()
	dedupe := true
	if values.Has("dedupe") {
		var err error
		if dedupe, err = strconv.ParseBool(values.Get("dedupe")); err != nil {
			return nil, fmt.Errorf("dedupe=%.40s in the query: write true or false: %w", values.Get("dedupe"), eventnode.ErrInvalidArgument)
		}
	}
	if !dedupe {
		return nil, nil
	}
	return []eventnode.PublishOption{eventnode.WithDedupe()}, nil
}

// respond writes a body as JSON.
func respond(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may have gone
}

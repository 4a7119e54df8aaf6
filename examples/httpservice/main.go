// Command httpservice is an HTTP service with a node in it. POST /orders keeps an order in a
// durable stream and tells those who watch; GET /orders/stream sends them server-sent events.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/examples/nodes"
	"github.com/eventnode/eventnode/node"
)

// OrderPlaced tells of an order. Its fields must be there, and have these types.
type OrderPlaced struct {
	Item  string `json:"item"`
	Count int    `json:"count"`
}

var _ = event.Register[OrderPlaced]("order_placed")

const stream, topic = "example-orders", "topic:example-orders"

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "`HOST:PORT` to serve HTTP at")
	os.Exit(nodes.Main(func(ctx context.Context, out io.Writer, connect string) error {
		if connect == "" {
			return embed(ctx, func(s service) error { return s.serve(ctx, out, *listen) })
		}
		c, err := client.Dial(ctx, []string{connect})
		if err != nil {
			return err
		}
		defer c.Close()
		return service{live: c, streams: c.Streams(), closing: ctx}.serve(ctx, out, *listen)
	}))
}

// embed runs a node as long as f runs: requests that are under way need it to their end. A
// real one has a DataDir that stays, addresses that others reach, and Seeds to find them.
func embed(ctx context.Context, f func(service) error) error {
	dir, err := os.MkdirTemp("", "eventnode-httpservice-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	n, err := node.New(node.Config{ID: "shop-1", DataDir: dir, GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- n.Run(life) }()
	streams, err := n.Streams(ctx, "") // waits until the node is ready
	if err == nil {
		err = f(service{live: n, streams: streams, closing: ctx})
	}
	stop()
	return errors.Join(err, <-ended)
}

// service has what it needs of a node or, alike, of a client.
type service struct {
	live    eventnode.Live
	streams eventnode.Streams
	closing context.Context // ends what is sent to those who watch
}

// serve serves until ctx ends. Then all requests that are under way are answered.
func (s service) serve(ctx context.Context, out io.Writer, listen string) error {
	if _, err := s.streams.Declare(ctx, stream, eventnode.StreamConfig{Retain: eventnode.RetainLimits, MaxAge: 24 * time.Hour}); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", s.post)
	mux.HandleFunc("GET /orders/stream", s.watch)
	server, ended := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}, make(chan error, 1)
	context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		ended <- server.Shutdown(grace)
	})
	fmt.Fprintf(out, "try:  curl -N http://%[1]s/orders/stream &\n      curl -d '{\"item\":\"tea\",\"count\":2}' http://%[1]s/orders\n", listener.Addr())
	if err = server.Serve(listener); errors.Is(err, http.ErrServerClosed) {
		err = <-ended
	}
	return err
}

// post keeps an order, and then tells those who watch. They may miss it, and are told so;
// who must not miss any consumes the stream.
func (s service) post(w http.ResponseWriter, r *http.Request) {
	var order OrderPlaced
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err == nil {
		order, err = event.DecodeAs[OrderPlaced](event.New("order_placed", body))
	}
	if err != nil { // it says which field is wrong, and where
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	e, err := event.Of(order)
	if err == nil {
		_, err = s.streams.Publish(r.Context(), stream, e)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_, _ = s.live.Dispatch(r.Context(), topic, e)
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintln(w, "order", e.ID)
}

// watch sends orders as server-sent events, until who watches has gone or the service ends.
func (s service) watch(w http.ResponseWriter, r *http.Request) {
	sub, err := s.live.Subscribe(r.Context(), []string{topic})
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer sub.Close()
	defer context.AfterFunc(s.closing, func() { _ = sub.Close() })()
	w.Header().Set("Content-Type", "text/event-stream")
	for now := http.NewResponseController(w); now.Flush() == nil; {
		d, err := sub.Receive(r.Context())
		switch {
		case err != nil:
			return
		case d.Gap != nil:
			fmt.Fprintf(w, "event: gap\ndata: %s\n\n", d.Gap.Reason)
		default:
			fmt.Fprintf(w, "id: %s\nevent: %s\ndata: %s\n\n", d.Event.ID, d.Event.Name, d.Event.Data)
		}
	}
}

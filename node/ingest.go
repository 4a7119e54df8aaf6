package node

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/access"
	"github.com/eventnode/eventnode/internal/ingest"
)

// ingest makes what takes CloudEvents over HTTP; nil if that is off.
func (p *parts) ingest() (*ingest.Handler, error) {
	if !p.cfg.HTTPIngest {
		return nil, nil
	}
	topics := newTopicPublishers(p.dispatch, p.tracer)
	streams := &streamProducers{open: func(namespace string) eventnode.Streams { return p.tracer.Streams(p.streams(namespace)) }}
	return ingest.New(ingest.Config{
		Dispatch: topics.dispatch, Publish: streams.publish, Admit: p.admit,
		MaxEventBytes: p.cfg.Limits.MaxEventBytes, Registerer: p.cfg.Registry,
	})
}

// ingestOff answers in the place of what would take events.
func ingestOff(w http.ResponseWriter, _ *http.Request) {
	ingest.Refuse(w, fmt.Errorf("this node takes no events over HTTP (serve --http-ingest has it do so): %w", eventnode.ErrPermissionDenied))
}

// posted is what a request does.
func posted(r *http.Request, o access.Operation) access.Use {
	use := access.Use{Operation: o, Names: []string{r.PathValue("topic")}}
	if use.Operation == access.Publish {
		use.Names = []string{qualified(r.PathValue("namespace"), r.PathValue("stream"))}
	}
	return use
}

// admit decides on a request as the gate does on the call of gRPC that does the same.
func (p *parts) admit(r *http.Request, method string) error {
	if p.stopping.Load() {
		return fmt.Errorf("this node goes away: %w", eventnode.ErrUnavailable)
	}
	if !p.gate.isReady() {
		return fmt.Errorf("this node starts: %w", eventnode.ErrUnavailable)
	}
	if p.cfg.Authorizer == nil {
		return nil
	}
	call := Call{Method: method, Metadata: make(metadata.MD, len(r.Header)), Use: posted(r, p.gate.rules[method].operation)}
	for name, values := range r.Header {
		call.Metadata[strings.ToLower(name)] = values
	}
	if remote, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		call.Remote = net.TCPAddrFromAddrPort(remote)
	}
	return p.cfg.Authorizer(r.Context(), call)
}

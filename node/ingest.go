package node

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/eventnode/eventnode"
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

// admit decides on a request as the gate does on the call of gRPC that does the same.
func (p *parts) admit(r *http.Request, method string) error {
	if p.stopping.Load() {
		return fmt.Errorf("this node goes away: %w", eventnode.ErrUnavailable)
	}
	if p.cfg.Authorizer == nil {
		return nil
	}
	call := Call{Method: method, Metadata: make(metadata.MD, len(r.Header))}
	for name, values := range r.Header {
		call.Metadata[strings.ToLower(name)] = values
	}
	if remote, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		call.Remote = net.TCPAddrFromAddrPort(remote)
	}
	return p.cfg.Authorizer(r.Context(), call)
}

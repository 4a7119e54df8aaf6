package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/eventnode/eventnode/internal/link"
	"github.com/eventnode/eventnode/internal/wire"
)

const (
	service = "bench.Relay"
	method  = "/bench.Relay/Frames"
	// frameBytes is the size of a frame.
	frameBytes = 64 << 10
)

// Config is a process of the relay.
type Config struct {
	// To is where frames go: empty for the last one, which counts them.
	To string `json:"to,omitempty"`
	// Seconds makes the process the publisher: how long it sends.
	Seconds float64 `json:"seconds,omitempty"`
}

// Line is what a process says: where it listens, then what it counted.
type Line struct {
	Addr string `json:"addr,omitempty"`
	// Bytes were sent or received, between First and Last: nanoseconds since
	// 1970.
	Bytes int64 `json:"bytes,omitempty"`
	First int64 `json:"first,omitempty"`
	Last  int64 `json:"last,omitempty"`
}

// Main runs one process; its configuration is the first line on in.
func Main(ctx context.Context, in io.Reader, out io.Writer) error {
	var cfg Config
	if err := json.NewDecoder(in).Decode(&cfg); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	say := json.NewEncoder(out)
	if cfg.Seconds > 0 {
		l, err := publish(ctx, cfg)
		if err != nil {
			return err
		}
		return say.Encode(l)
	}
	return serve(ctx, cfg, say)
}

var frames = grpc.StreamDesc{StreamName: "Frames", ClientStreams: true, ServerStreams: true}

// open opens a stream of frames to an address.
func open(ctx context.Context, addr string) (grpc.ClientStream, func(), error) {
	cc, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStaticStreamWindowSize(link.StreamWindow), grpc.WithStaticConnWindowSize(link.ConnWindow),
		grpc.WithReadBufferSize(link.ReadBuffer), grpc.WithWriteBufferSize(link.WriteBuffer),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(wire.NewCodec())), grpc.WithDisableRetry())
	if err != nil {
		return nil, nil, err
	}
	s, err := cc.NewStream(ctx, &frames, method)
	if err != nil {
		return nil, nil, errors.Join(err, cc.Close())
	}
	return s, func() { _ = cc.Close() }, nil
}

// publish sends the same frame over and over.
func publish(ctx context.Context, cfg Config) (Line, error) {
	s, done, err := open(ctx, cfg.To)
	if err != nil {
		return Line{}, err
	}
	defer done()
	f := &wire.Frame{Segments: []wire.Piece{{Data: make([]byte, frameBytes)}}}
	began := time.Now()
	l := Line{First: began.UnixNano()}
	for time.Since(began).Seconds() < cfg.Seconds {
		if err := s.SendMsg(f); err != nil {
			return Line{}, err
		}
		l.Bytes += frameBytes
	}
	if err := s.CloseSend(); err != nil {
		return Line{}, err
	}
	if err := s.RecvMsg(&wire.Frame{}); !errors.Is(err, io.EOF) { // all is through
		return Line{}, fmt.Errorf("end of the relay: %w", err)
	}
	return l, nil
}

// serve takes one stream and passes it on, or counts it.
func serve(ctx context.Context, cfg Config, say *json.Encoder) error {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	counted := make(chan Line, 1)
	server := grpc.NewServer(link.ServerOptions()...)
	server.RegisterService(&grpc.ServiceDesc{ServiceName: service, HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{{
		StreamName: frames.StreamName, ClientStreams: true, ServerStreams: true,
		Handler: func(_ any, in grpc.ServerStream) error { return pass(in, cfg.To, counted) },
	}}}, nil)
	if err := say.Encode(Line{Addr: lis.Addr().String()}); err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(lis) }()
	select {
	case l := <-counted:
		err = say.Encode(l)
		<-ctx.Done()
	case <-ctx.Done():
	}
	server.Stop()
	<-served
	return err
}

// pass sends on what comes in, until it ends.
func pass(in grpc.ServerStream, to string, counted chan<- Line) error {
	var out grpc.ClientStream
	if to != "" {
		s, done, err := open(in.Context(), to)
		if err != nil {
			return err
		}
		defer done()
		out = s
	}
	var l Line
	for {
		f := wire.Frame{Counted: true}
		err := in.RecvMsg(&f)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		l.Bytes += int64(len(f.Received.Data))
		if out == nil {
			f.Received.Release()
			continue
		}
		if err := out.SendMsg(&wire.Frame{Segments: []wire.Piece{f.Received}}); err != nil {
			return err
		}
	}
	l.Last = time.Now().UnixNano()
	if out != nil {
		if err := out.CloseSend(); err != nil {
			return err
		}
		if err := out.RecvMsg(&wire.Frame{}); !errors.Is(err, io.EOF) {
			return fmt.Errorf("next hop: %w", err)
		}
	}
	counted <- l
	return nil
}

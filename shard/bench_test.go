package shard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"testing"

	"github.com/gobwas/ws"

	"github.com/eventnode/eventnode/internal/encoding"
	"github.com/eventnode/eventnode/sessions"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/source"
)

// chat is an event of a usual size: some 800 bytes.
const chat = `{"type":0,"tts":false,"timestamp":"2026-01-02T03:04:05.678000+00:00","pinned":false,"nonce":"1190011223344556677",
"mentions":[],"mention_roles":[],"mention_everyone":false,"member":{"roles":["1000000000000000001","1000000000000000002"],
"premium_since":null,"pending":false,"nick":"somebody","mute":false,"joined_at":"2020-05-06T07:08:09.123000+00:00","flags":0,
"deaf":false,"avatar":null},"id":"1190011223344556678","flags":0,"embeds":[],"edited_timestamp":null,"content":"hello, how are you today?",
"components":[],"channel_id":"290926798999357250","author":{"username":"somebody","public_flags":0,"id":"80351110224678912",
"global_name":"Some Body","discriminator":"0","avatar":"a_1269e74af4df7417b13759eae50c83dc"},"attachments":[],"guild_id":"290926798626357260"}`

// From the bytes of a connection to deliver, through the shard's three goroutines; what the
// gateway costs beside it is little: it copies what it encoded once.
func BenchmarkDecodeToDeliver(b *testing.B) {
	for _, format := range []string{"json", "etf"} {
		for _, compress := range []string{"none", "zlib-stream", "zstd-stream"} {
			b.Run(format+"/"+compress, func(b *testing.B) { benchmarkDeliver(b, format, compress) })
		}
	}
}

func benchmarkDeliver(b *testing.B, format, compress string) {
	const batch = 1000
	stop := make(chan struct{})
	ps := &peers{t: b}
	ps.serve = func(p *peer) {
		f, _ := encoding.ParseFormat(format)
		z := encoding.None
		if compress != "none" {
			z, _ = encoding.ParseCompression(compress)
		}
		p.codec, p.speaks = encoding.NewWriter(f, z), f
		p.hello(40_000)
		if got, ok := p.next(false); !ok || got.Op != 2 {
			b.Errorf("got op %d", got.Op)
			return
		}
		p.event(1, "READY", map[string]any{"session_id": "s"})
		for p.left() > 0 { // they are written before what follows
		}
		flood(p, stop)
	}
	cfg := ps.config()
	cfg.Encoding, cfg.Compress = format, compress
	s, err := shard.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	batches, n := make(chan struct{}), 0
	var each sync.WaitGroup
	ctx, cancel := context.WithCancel(b.Context())
	each.Go(func() {
		if err := s.Run(ctx, func(ctx context.Context, _ source.Payload) error {
			if n++; n%batch == 0 {
				select {
				case batches <- struct{}{}:
				case <-ctx.Done():
				}
			}
			return nil
		}); err != nil {
			b.Error(err)
		}
	})
	<-batches
	b.ReportAllocs()
	for b.Loop() {
		<-batches
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/event")
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "events/s")
	close(stop)
	cancel()
	each.Wait()
	ps.wait()
}

// flood writes events as fast as they are read.
func flood(p *peer, stop <-chan struct{}) {
	var data bytes.Buffer
	if err := json.Compact(&data, []byte(chat)); err != nil {
		p.t.Error(err)
	}
	e := &sessions.Event{Type: "MESSAGE_CREATE", Data: data.Bytes()}
	kind := ws.OpText
	if p.codec.Binary() {
		kind = ws.OpBinary
	}
	var many bytes.Buffer
	var one []byte
	for seq := uint64(2); ; {
		select {
		case <-stop:
			return
		default:
		}
		many.Reset()
		for range 100 {
			one, _ = p.codec.Event(one[:0], seq, e)
			_ = ws.WriteHeader(&many, ws.Header{Fin: true, OpCode: kind, Length: int64(len(one))})
			many.Write(one)
			seq++
		}
		if _, err := p.conn.Write(many.Bytes()); err != nil {
			return
		}
	}
}

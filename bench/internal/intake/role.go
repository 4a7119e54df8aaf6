package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/pprof"
)

// Main runs the process for a role, whose configuration comes first on in.
func Main(ctx context.Context, role string, in io.Reader, out io.Writer) error {
	p := process{in: json.NewDecoder(in), out: json.NewEncoder(out)}
	switch role {
	case "server":
		return run(ctx, p, server)
	case "taker":
		return run(ctx, p, taker)
	}
	return fmt.Errorf("no role %q", role)
}

// process is this side of the conversation.
type process struct {
	in  *json.Decoder
	out *json.Encoder
}

// run reads a role's configuration and runs it.
func run[C any](ctx context.Context, p process, role func(context.Context, C, process) error) error {
	var cfg C
	if err := p.in.Decode(&cfg); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	err := role(ctx, cfg, p)
	if errors.Is(err, io.EOF) { // the coordinator needs no more of it
		return nil
	}
	return err
}

// takers are the ways to take a recording in. Each returns when the meter has seen all of it.
var takers = map[string]func(ctx context.Context, m *meter, url string, dial dial) error{
	"dispatched":        dispatched,
	"handled":           handled,
	"discordgo-keeping": discordgoKeeping,
	"discordgo":         discordgoPlain,
}

// taker is the process that takes a recording in, once.
func taker(ctx context.Context, cfg takerConfig, p process) error {
	stop, err := cfg.profile()
	if err != nil {
		return err
	}
	values, err := cfg.take(ctx)
	if err = errors.Join(err, stop()); err != nil {
		return p.out.Encode(map[string]string{"error": err.Error()})
	}
	return p.out.Encode(taken{values})
}

// take takes the recording in.
func (cfg takerConfig) take(ctx context.Context) (map[string]float64, error) {
	take, ok := takers[cfg.Taker]
	if !ok {
		return nil, fmt.Errorf("no taker %q", cfg.Taker)
	}
	m, url, dial := newMeter(cfg.Recording), cfg.URL, dial(new(net.Dialer).DialContext)
	if url == "" {
		all, err := cfg.Recording.open()
		if err != nil {
			return nil, err
		}
		url = gatewayURL
		dial = func(context.Context, string, string) (net.Conn, error) { return all.dial(), nil }
	}
	if err := take(ctx, m, url, dial); err != nil {
		return nil, err
	}
	return m.values(), nil
}

// profile begins what is to be profiled.
func (cfg takerConfig) profile() (stop func() error, err error) {
	if cfg.CPU == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(cfg.CPU)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() error {
		pprof.StopCPUProfile()
		allocs, err := os.Create(cfg.Allocs)
		if err != nil {
			return err
		}
		return errors.Join(pprof.Lookup("allocs").WriteTo(allocs, 0), allocs.Close(), f.Close())
	}, nil
}

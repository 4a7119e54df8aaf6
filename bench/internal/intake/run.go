package intake

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// runTimeout bounds one run of one system.
const runTimeout = 5 * time.Minute

// The sizes of a recording.
const (
	guildCount, eventCount           = 10, 200_000
	shortGuildCount, shortEventCount = 2, 2_000
	// zlibEventCount is less: to compress takes longer than to take in.
	zlibEventCount = 50_000
)

// way is how a recording comes to whoever takes it in.
type way struct {
	socket bool // else from memory
	zlib   bool
}

// run has a taker take a recording in, in a process of its own.
func (w way) run(taker string) suite.Runner {
	return func(ctx context.Context, env *suite.Env) (out suite.Outcome, err error) {
		ctx, cancel := context.WithTimeout(ctx, runTimeout)
		defer cancel()
		cfg := takerConfig{Taker: taker}
		dir, err := os.MkdirTemp(env.Dir, "intake-")
		if err != nil {
			return out, err
		}
		defer os.RemoveAll(dir)
		if cfg.Recording, err = w.record(filepath.Join(dir, "recording"), env.Short); err != nil {
			return out, err
		}
		if env.Profile != "" {
			name := fmt.Sprintf("intake-%s-socket=%t-zlib=%t", taker, w.socket, w.zlib)
			cfg.CPU, cfg.Allocs = filepath.Join(env.Profile, name+".cpu"), filepath.Join(env.Profile, name+".allocs")
		}
		if w.socket {
			var ready serverReady
			p, err := start(ctx, env, "server", serverConfig{cfg.Recording}, &ready)
			if err != nil {
				return out, err
			}
			defer p.Kill()
			cfg.URL = ready.URL
		}
		var answer taken
		p, err := start(ctx, env, "taker", cfg, &answer)
		if err != nil {
			return out, err
		}
		p.Kill()
		out.Values = answer.Values
		return out, nil
	}
}

func (w way) record(path string, short bool) (recording, error) {
	switch {
	case short:
		return record(path, w.zlib, shortGuildCount, shortEventCount)
	case w.zlib:
		return record(path, true, guildCount, zlibEventCount)
	default:
		return record(path, false, guildCount, eventCount)
	}
}

// start starts a process of a role, and waits for its first answer.
func start(ctx context.Context, env *suite.Env, role string, cfg, answer any) (*proc.Process, error) {
	p, err := proc.Start(ctx, role, exec.Command(env.Self, "intake", role), env.Log)
	if err != nil {
		return nil, err
	}
	if err = p.Send(cfg); err == nil {
		err = p.Receive(ctx, answer)
	}
	if err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}

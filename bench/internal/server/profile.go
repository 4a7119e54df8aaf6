package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

// Profile takes CPU profiles of the nodes that serve them, for some seconds; wait
// returns when they are written.
func (c *Cluster) Profile(ctx context.Context, env *suite.Env, seconds float64) (wait func() error) {
	var g errgroup.Group
	for i, addr := range c.Pprof {
		g.Go(func() error {
			url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", addr, max(1, int(seconds)))
			return download(ctx, url, filepath.Join(env.Profile, fmt.Sprintf("node-%d.pprof", i+1)))
		})
	}
	return g.Wait
}

// download writes what url serves to a file.
func download(ctx context.Context, url, file string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, resp.Body); err != nil {
		return fmt.Errorf("profile of %s: %w", url, err)
	}
	return f.Close()
}

package source_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/eventnode/eventnode/source"
)

// What the steps themselves cost an event, besides cache and derive: with handlers of each
// mode; and dispatched by a node, where nobody
// consumes it.
func BenchmarkPipeline(b *testing.B) {
	data := json.RawMessage(`{"content":"` + strings.Repeat("x", 500) + `"}`)
	for name, mode := range map[string]source.Mode{"none": 0, "sequential": source.Sequential, "task": source.TaskPerEvent, "dispatch": 0} {
		b.Run(name, func(b *testing.B) {
			cfg := source.Config{}
			switch name {
			case "dispatch":
				live, end := oneNode()
				defer end()
				d, err := source.NewLive(live, "s")
				must(b, err)
				cfg.Dispatcher = d
			case "none":
			default:
				cfg.Handlers = handlers(b, source.HandlersConfig{Mode: mode})
				must(b, cfg.Handlers.OnEvent("N", func(context.Context, source.Event) error { return nil }))
			}
			b.ReportAllocs()
			cfg.Source = sourceFunc(func(ctx context.Context, deliver source.Deliver) error {
				p := payload("N", 0)
				p.Data = data
				for b.Loop() {
					p.Origin.Seq++
					if err := deliver(ctx, p); err != nil {
						return err
					}
				}
				return nil
			})
			p, err := source.New(cfg)
			must(b, err)
			must(b, p.Run(b.Context()))
		})
	}
}

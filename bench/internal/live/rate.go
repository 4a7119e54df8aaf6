package live

import (
	"context"
	"errors"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

// Metrics of a rate.
var (
	Deliveries = suite.Metric{Name: "deliveries_per_second", Title: "delivered", Unit: "/s", Higher: true}
	cpu        = suite.Metric{Name: "cpu_seconds_per_million_deliveries", Title: "CPU per million deliveries", Unit: "s"}
	nodesCPU   = suite.Metric{Name: "nodes_cpu_seconds_per_million_deliveries", Title: "of this the nodes", Unit: "s"}
)

// rate measures a shape at full speed, or as fast as the system goes without
// losing.
func rate(system suite.System, s shape) suite.Runner {
	pc := pacer{system: system}
	return func(ctx context.Context, env *suite.Env) (suite.Outcome, error) {
		p := pass{system: system, shape: s, seconds: seconds(env)}
		f, note, err := pc.run(ctx, env, p)
		if err != nil {
			return suite.Outcome{}, err
		}
		million := float64(f.delivered) / 1e6
		return suite.Outcome{Note: note, Values: map[string]float64{
			Deliveries.Name: f.rate(),
			cpu.Name:        f.cpu.Seconds() / million,
			nodesCPU.Name:   f.nodesCPU.Seconds() / million,
		}}, nil
	}
}

// isLoss reports whether a run failed because events were lost. A client that was
// thrown out for being slow and has come again may see more go wrong than that.
func isLoss(err error) bool {
	var l *lossError
	return errors.As(err, &l) && (l.wrong.Lost > 0 || !l.wrong.Any())
}

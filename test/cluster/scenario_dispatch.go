package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

func (s *scenario) subscribe(a args) (string, error) {
	sub, err := s.who(a).Subscribe(context.WithoutCancel(s.t.Context()), a.list("topic"))
	if err != nil {
		return "", err
	}
	s.t.Cleanup(func() { _ = sub.Close() })
	s.subs[a.first()] = follow(s, sub.All(context.WithoutCancel(s.t.Context())))
	out := fmt.Sprintf("known on %d nodes", sub.Nodes())
	if missing := sub.Missing(); len(missing) > 0 {
		out += fmt.Sprintf(", not on %v", missing)
	}
	return out, nil
}

func (s *scenario) dispatch(a args) (string, error) {
	var opts []eventnode.DispatchOption
	asked := slices.Contains(a.plain, "receipt")
	if asked {
		opts = append(opts, eventnode.WithReceipt(0))
	}
	ev := event.New("said", []byte(a.named["data"]))
	receipt, err := s.who(a).DispatchMany(s.t.Context(), a.list("topic"), ev, opts...)
	if err != nil || !asked {
		return "", err
	}
	lines := []string{fmt.Sprintf("reached %d", receipt.Reached)}
	for _, n := range receipt.Nodes {
		lines = append(lines, fmt.Sprintf("  %s %d%s", n.Node, n.Reached, trouble(n.Err)))
	}
	slices.Sort(lines[1:])
	return strings.Join(lines, "\n"), nil
}

// trouble names why an answer is missing, in words that do not change.
func trouble(err error) string {
	for _, known := range []error{eventnode.ErrUnavailable, eventnode.ErrOutcomeUnknown, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return ", " + known.Error()
		}
	}
	if err != nil {
		return ", another error"
	}
	return ""
}

func (s *scenario) received(a args) (string, error) {
	f := s.subs[a.first()]
	if f == nil {
		return "", fmt.Errorf("%s has no subscription", a.first())
	}
	var lines []string
	for _, d := range f.take() {
		lines = append(lines, spellDelivery(d))
	}
	return cmp.Or(strings.Join(lines, "\n"), "nothing"), nil
}

func spellDelivery(d eventnode.Delivery) string {
	switch {
	case d.Gap == nil:
		return fmt.Sprintf("%s: %s", strings.Join(d.Topics, " "), d.Event.Data)
	case d.Gap.Known:
		return fmt.Sprintf("gap of %d from %s: %s", d.Gap.Count, cmp.Or(d.Gap.Node, "here"), d.Gap.Reason)
	default:
		return fmt.Sprintf("gap from %s: %s", cmp.Or(d.Gap.Node, "here"), d.Gap.Reason)
	}
}

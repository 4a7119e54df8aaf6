package command

import (
	"maps"
	"slices"
	"strings"
)

// parseLabels reads --label KEY=VALUE, each key once. What may be in one the node
// and the cluster know.
func parseLabels(words []string) (map[string]string, error) {
	set := make(map[string]string, len(words))
	for _, w := range words {
		key, value, ok := strings.Cut(w, "=")
		if !ok || key == "" || value == "" {
			return nil, usagef("--label %q: write KEY=VALUE", w)
		}
		if _, twice := set[key]; twice {
			return nil, usagef("--label: %q is there twice", key)
		}
		set[key] = value
	}
	return set, nil
}

// formatLabels writes labels for people, sorted.
func formatLabels(set map[string]string) string {
	words := make([]string, 0, len(set))
	for _, key := range slices.Sorted(maps.Keys(set)) {
		words = append(words, key+"="+set[key])
	}
	return strings.Join(words, " ")
}

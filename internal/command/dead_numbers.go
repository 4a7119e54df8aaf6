package command

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

const (
	// deadBatch is how many dead letters go in one request: the protocol takes so many
	// numbers that are not neighbours.
	deadBatch = 256
	// maxDeadNumbers bounds how many numbers a command line names.
	maxDeadNumbers = 1_000_000
)

// deadFlags say which dead letters.
type deadFlags struct {
	all   bool
	group string
}

func (f *deadFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.all, "all", false, "all of the stream")
	cmd.Flags().StringVar(&f.group, "group", "", "with --all: only those that this consumer group gave up")
}

// ranges reads the numbers of a command line.
func (f *deadFlags) ranges(words []string) ([]eventnode.NumberRange, error) {
	switch {
	case f.all == (len(words) > 0):
		return nil, usagef("name the dead letters by their numbers, or say --all")
	case f.group != "" && !f.all:
		return nil, usagef("--group goes with --all: numbers name dead letters already")
	}
	var list []eventnode.NumberRange
	var count uint64
	for _, word := range words {
		r, err := parseRange(word)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
		if r.To-r.From >= maxDeadNumbers || count+r.To-r.From+1 > maxDeadNumbers {
			return nil, usagef("%s: more than %d numbers: say --all, or fewer at a time", word, maxDeadNumbers)
		}
		count += r.To - r.From + 1
	}
	return list, nil
}

// parseRange reads "7" or "9-12".
func parseRange(word string) (eventnode.NumberRange, error) {
	first, last, several := strings.Cut(word, "-")
	from, err := strconv.ParseUint(first, 10, 64)
	to := from
	if err == nil && several {
		to, err = strconv.ParseUint(last, 10, 64)
	}
	if err != nil || from < 1 || to < from || to > math.MaxInt64 {
		return eventnode.NumberRange{}, usagef("%.40q: write a number such as 7, or a range such as 9-12", word)
	}
	return eventnode.NumberRange{From: from, To: to}, nil
}

// eachDead does something to dead letters, some at a time, and says how many there
// were. If it fails on the way the error says how many are done.
func (a *app) eachDead(cmd *cobra.Command, s *streamFlags, stream string, f *deadFlags, ranges []eventnode.NumberRange, word string,
	do func(c eventnode.Consumers, ctx context.Context, stream string, numbers ...uint64) (uint64, error),
) (done uint64, err error) {
	shown := newProgress(a.stderr)
	defer shown.clear()
	err = a.connected(cmd, func(ctx context.Context, c cluster) error {
		consumers := s.consumersOf(c)
		if f.all {
			if ranges, err = f.allOf(ctx, consumers, stream); err != nil {
				return err
			}
		}
		return inBatches(ranges, func(numbers []uint64) error {
			n, err := do(consumers, ctx, stream, numbers...)
			done += n
			if err != nil {
				return fmt.Errorf("after %d were %s: %w", done, word, err)
			}
			shown.now(done)
			return nil
		})
	})
	return done, err
}

// allOf is all dead letters that there are now.
func (f *deadFlags) allOf(ctx context.Context, consumers eventnode.Consumers, stream string) ([]eventnode.NumberRange, error) {
	var list []eventnode.NumberRange
	for d, err := range consumers.DeadLetters(ctx, stream) {
		if err != nil {
			return nil, err
		}
		if f.group != "" && d.Group != f.group {
			continue
		}
		if k := len(list) - 1; k >= 0 && list[k].To+1 == d.Number {
			list[k].To = d.Number
			continue
		}
		list = append(list, eventnode.NumberRange{From: d.Number, To: d.Number})
	}
	return list, nil
}

// inBatches calls f with the numbers of ranges, deadBatch at a time.
func inBatches(ranges []eventnode.NumberRange, f func(numbers []uint64) error) error {
	batch := make([]uint64, 0, deadBatch)
	for _, r := range ranges {
		for n := r.From; n <= r.To; n++ {
			if batch = append(batch, n); len(batch) == deadBatch {
				if err := f(batch); err != nil {
					return err
				}
				batch = batch[:0]
			}
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return f(batch)
}

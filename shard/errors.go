package shard

import (
	"errors"
	"fmt"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrRefused: the gateway does not want this shard as it is, and would not the next time
	// either. Change what the error names, then run it again. The error is a *ClosedError if
	// the gateway said why, in its close code.
	ErrRefused = errors.New("the gateway refuses the shard")
	// ErrStopped: the shard has stopped, or was run before. Make another one, with its
	// Resume.
	ErrStopped = errors.New("the shard has stopped")
)

// ClosedError is a close code after which nobody should come again as he is.
type ClosedError struct {
	Code int
	// Reason is what the gateway said.
	Reason string
}

// advice is what to do about a close code.
var advice = map[int]string{
	4004: "the token is not good: give it another one",
	4010: "there is no such shard: number them from 0 on, below their count",
	4011: "the bot is in too many guilds for so few shards: use more",
	4012: "the gateway does not speak version 10 of the protocol: ask another one",
	4013: "there are no such intents: leave out what the protocol does not have",
	4014: "intents are not allowed to this bot: have them turned on, or leave them out",
}

func (e *ClosedError) Error() string {
	return fmt.Sprintf("closed with %d (%.200q): %s", e.Code, e.Reason, advice[e.Code])
}

// Is has a ClosedError be ErrRefused.
func (e *ClosedError) Is(target error) bool { return target == ErrRefused }

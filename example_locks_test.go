package eventnode_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/eventnode/eventnode"
)

// A lock has one holder in the whole cluster, until it is released or its time is over.
func ExampleLocks() {
	ctx, n, stop := embedded()
	defer stop()
	locks, err := n.Locks(ctx, "") // as those of a client
	must(err)
	lock, err := locks.Obtain(ctx, "nightly", 10*time.Second, 0)
	must(err)
	_, err = locks.Obtain(ctx, "nightly", 10*time.Second, 0)
	fmt.Println("taken:", errors.Is(err, eventnode.ErrLockTaken))
	info, err := locks.Info(ctx, "nightly")
	fmt.Println("held:", info.Held, info.Token == lock.Token(), err)

	fmt.Println("released:", lock.Release(ctx))
	next, err := locks.Obtain(ctx, "nightly", 10*time.Second, time.Second)
	must(err)
	// What the lock guards refuses a token that is less than one it has seen.
	fmt.Println("a later holder has a greater token:", next.Token() > lock.Token())
	// Output:
	// taken: true
	// held: true true <nil>
	// released: <nil>
	// a later holder has a greater token: true
}

// Who needs a lock for longer refreshes it, and stops when it is lost.
func ExampleLock() {
	ctx, n, stop := embedded()
	defer stop()
	locks, err := n.Locks(ctx, "")
	must(err)
	lock, err := locks.Obtain(ctx, "nightly", 10*time.Second, 0)
	must(err)
	fmt.Println(lock.Refresh(ctx, time.Minute), lock.TTL() > 30*time.Second)
	must(lock.Release(ctx))
	fmt.Println("lost:", errors.Is(lock.Refresh(ctx, time.Minute), eventnode.ErrLockLost), lock.TTL())
	// Output:
	// <nil> true
	// lost: true 0s
}

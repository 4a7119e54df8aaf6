package raftlog_test

import (
	"errors"
	"fmt"
	"os"

	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/streams/internal/raftlog"
)

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "raftlog")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	l, err := raftlog.Open(raftlog.Config{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = l.StoreLogs([]*raft.Log{{Index: 1, Term: 1, Data: []byte("one")}, {Index: 2, Term: 1, Data: []byte("two")}})
	fmt.Println(err, l.Durable())

	// Peers remember three entries: this is not the log that they knew.
	err = l.CheckFloor(3)
	fmt.Println(errors.Is(err, raftlog.ErrBehindFloor), err)
	fmt.Println(l.Close())
	// Output:
	// <nil> 2
	// true log ends before its floor: last index is 2, was 3
	// <nil>
}

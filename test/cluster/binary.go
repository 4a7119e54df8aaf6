package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// BinaryVariable is the environment variable that names the program for nodes.
// Package clustermain sets it to the test binary.
const BinaryVariable = "EVENTNODE_BINARY"

// AsNode is to be in the environment of a program that Binary named, for it may be a test
// binary (package clustermain): this makes it a node.
const AsNode = "EVENTNODE_TEST_NODE=1"

// howToFind says what a test may do that has no program for its nodes.
const howToFind = `the nodes of this test are to be processes, and there are three ways to their program:
	func TestMain(m *testing.M) { clustermain.Run(m) }                 the test binary is it (test/cluster/clustermain)
	EVENTNODE_BINARY=/path/to/eventnode, or Config.Binary              one that is there
	go get -tool github.com/eventnode/eventnode/cmd/eventnode          so that it can be built in the test's module`

// program is one that was built for the time that this process lives.
type program struct {
	path string
	// life is open until this process ends: then the program is removed.
	life *os.File
}

// Binary returns the path of the program that nodes run: that which the environment
// variable EVENTNODE_BINARY names, else it is built, once. What is built is removed when
// this process ends.
func Binary() (string, error) {
	if path := os.Getenv(BinaryVariable); path != "" {
		return named(BinaryVariable, path)
	}
	p, err := built()
	return p.path, err
}

// NextBinary builds the program as the next version would be: it knows one more level of
// storage commands, with one command more.
func NextBinary() (string, error) {
	p, err := builtNext()
	return p.path, err
}

var (
	built     = sync.OnceValues(func() (program, error) { return build() })
	builtNext = sync.OnceValues(func() (program, error) { return build("-tags", "next_version") })
)

// named returns the path of a program that somebody named, if it is there.
func named(by, path string) (string, error) {
	found, err := exec.LookPath(path)
	if err == nil {
		found, err = filepath.Abs(found)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", by, err, howToFind)
	}
	return found, nil
}

func build(flags ...string) (program, error) {
	dir, err := os.MkdirTemp("", "eventnode-binary-")
	if err != nil {
		return program{}, err
	}
	life, err := removeAtEnd(dir)
	if err != nil {
		return program{}, errors.Join(fmt.Errorf("the program for nodes could not be removed again: %w\n%s", err, howToFind), os.RemoveAll(dir))
	}
	p := program{path: filepath.Join(dir, "eventnode"), life: life}
	args := append([]string{"build"}, flags...)
	out, err := exec.Command("go", append(args, "-o", p.path, "github.com/eventnode/eventnode/cmd/eventnode")...).CombinedOutput()
	if err != nil {
		return program{}, errors.Join(fmt.Errorf("go build: %w: %s\n%s", err, strings.TrimSpace(string(out)), howToFind), life.Close())
	}
	return p, nil
}

// removeAtEnd has a shell remove a directory when this process has ended, however that
// is, or has closed what it returns: the shell waits for the end of a pipe.
func removeAtEnd(dir string) (life *os.File, err error) {
	in, life, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	// What ends a test at a terminal ends its shell, too, unless that does not mind.
	cmd := exec.Command("sh", "-c", `trap "" INT TERM HUP QUIT; read -r _; rm -rf -- "$1"`, "sh", dir)
	cmd.Stdin = in
	if err := errors.Join(cmd.Start(), in.Close()); err != nil {
		return nil, errors.Join(err, life.Close())
	}
	return life, nil
}

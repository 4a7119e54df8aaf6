//go:build !unix

package command

import "os/exec"

// grouped has nothing to do where there are no process groups: what the shell has started
// may outlive it.
func grouped(*exec.Cmd) (kill func()) { return func() {} }

package cluster

import (
	"os/exec"
	"syscall"
)

// dieWithThis has a process end, as kill -9 does it, when this one ends.
func dieWithThis(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

package command

import "syscall"

// commandAttributes ends a command when this process does, however that ends: nobody
// would refresh its lock. It stays with the terminal.
func commandAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}

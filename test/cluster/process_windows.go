package cluster

import "syscall"

// There is nothing that stops a process for a while: Pause has no effect.
const (
	stopSignal     = syscall.Signal(0x13)
	continueSignal = syscall.Signal(0x12)
)

package client_test

import (
	"testing"

	"go.uber.org/goleak"
)

// No test may leave a goroutine behind: Close waits for all of them.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

package nodejs_test

import (
	"testing"

	"github.com/eventnode/eventnode/test/npm"
)

// The lock says all that is installed.
func TestLock(t *testing.T) { npm.CheckLock(t) }

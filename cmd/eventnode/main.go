// Command eventnode runs a node, and speaks to a cluster of them. Package
// internal/command has all of it: a test binary can be this program, too.
package main

import (
	"os"

	"github.com/eventnode/eventnode/internal/command"
)

func main() { os.Exit(command.Main()) }

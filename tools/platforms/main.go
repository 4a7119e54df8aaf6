// Command platforms reports whether packages compile for each platform, as far as types
// say: it takes seconds where building takes minutes, for every platform has a standard
// library of its own to compile. What only the compiler's back end or the linker would
// refuse it does not see; `make cross` does.
//
//	go -C tools run ./platforms .. ./cmd/eventnode ./client
package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/tools/go/packages"
)

// platforms are those that releases are made for.
func platforms() []string {
	return []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: platforms MODULE_DIRECTORY PACKAGE...")
		os.Exit(2)
	}
	wrong := 0
	for _, p := range platforms() {
		n, err := check(os.Args[1], p, os.Args[2:])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Printf("%-14s %d errors\n", p, n)
		wrong += n
	}
	if wrong > 0 {
		os.Exit(1)
	}
}

// check prints and counts what is wrong with packages, and all that they import, on a
// platform.
func check(dir, platform string, patterns []string) (errors int, err error) {
	system, processor, _ := strings.Cut(platform, "/")
	found, err := packages.Load(&packages.Config{
		Dir:  dir,
		Mode: packages.LoadAllSyntax,
		Env:  append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+processor),
	}, patterns...)
	if err != nil {
		return 0, err
	}
	return packages.PrintErrors(found), nil
}

package eventnode_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The test that the README shows is one of examples/harness, where it is run, word for word.
func TestReadmeTestIsRun(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Testing your own service\n")
	section, _, _ = strings.Cut(section, "\n## ")
	shown := regexp.MustCompile("(?s)```go\n(.*?)```").FindStringSubmatch(section)
	if shown == nil {
		t.Fatal("the section on tests has no Go code")
	}
	real, err := os.ReadFile("examples/harness/orders_test.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(real), shown[1]) {
		t.Errorf("this is not in examples/harness/orders_test.go:\n%s", shown[1])
	}
}

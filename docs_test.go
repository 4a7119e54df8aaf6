package eventnode_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// docs/features.md names, for each promise, the tests that prove it: they must
// exist in the packages where it says they are.
func TestFeaturesNameTestsThatExist(t *testing.T) {
	page, err := os.ReadFile("docs/features.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{} // package -> its test files
	cell := regexp.MustCompile(`([a-z][a-z/]*) (Test\w+(?:, Test\w+)*)`)
	checked := 0
	for _, m := range cell.FindAllStringSubmatch(string(page), -1) {
		folder := m[1]
		if folder == "eventnode" {
			folder = "."
		}
		if _, ok := tests[folder]; !ok {
			tests[folder] = testFiles(t, folder)
		}
		for name := range strings.SplitSeq(m[2], ", ") {
			if !strings.Contains(tests[folder], "func "+name+"(") {
				t.Errorf("%s is not in %s", name, folder)
			}
			checked++
		}
	}
	if checked < 50 {
		t.Errorf("only %d tests are named", checked)
	}
}

func testFiles(t *testing.T, folder string) string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Error(err)
		return ""
	}
	var all strings.Builder
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), "_test.go") {
			b, err := os.ReadFile(folder + "/" + e.Name())
			if err != nil {
				t.Fatal(err)
			}
			all.Write(b)
		}
	}
	return all.String()
}

// The commands that the README shows exist, with the flags it gives them.
func TestReadmeCommandsExist(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	binary := t.TempDir() + "/eventnode"
	if out, err := exec.Command("go", "build", "-o", binary, "./cmd/eventnode").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	command := regexp.MustCompile(`(?m)^(?:.*\| )?(?:eventnode|go run \./cmd/eventnode) ([^#\n]+)`)
	found := command.FindAllStringSubmatch(string(page), -1)
	if len(found) < 10 {
		t.Fatalf("only %d commands", len(found))
	}
	for _, m := range found {
		args := append(strings.Fields(m[1]), "--help")
		out, err := exec.Command(binary, args...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "Usage:") {
			t.Errorf("eventnode %s: %v: %s", m[1], err, out)
		}
		for _, word := range args[:len(args)-1] {
			if strings.HasPrefix(word, "--") && !strings.Contains(string(out), word+" ") {
				t.Errorf("eventnode %s: its help does not know %s", m[1], word)
			}
		}
	}
}

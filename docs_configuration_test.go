package eventnode_test

import (
	"os"
	"os/exec"
	"testing"
)

// docs/configuration.md is what the flags say now.
func TestConfigurationPageIsUpToDate(t *testing.T) {
	page, err := os.ReadFile("docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	made, err := exec.Command("go", "run", "./cmd/eventnode", "config", "reference").Output()
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != string(made) {
		t.Error("docs/configuration.md is not up to date: run `make docs`")
	}
}
